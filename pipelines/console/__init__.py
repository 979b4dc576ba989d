"""The compliance pages in Airflow's own UI: a plugin, for viewers, officers and administrators."""

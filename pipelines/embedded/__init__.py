"""Airflow on one machine: its own processes, files and ports, started for a demo, a test or `make up`."""

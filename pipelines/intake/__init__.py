"""HTTP for the service and for Facebook: signed requests in, status pages out; apart from Airflow's server."""

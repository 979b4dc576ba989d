"""Settings of the embedded Airflow, as the environment that every one of its processes gets."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from pipelines.embedded.credentials import COMPLIANCE_OFFICER, list_users, load_component_secrets, passwords_file
from pipelines.settings import REPOSITORY, Settings

Options = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class AirflowConfig:
    """Where the embedded Airflow lives and listens.

    `home` is the AIRFLOW_HOME; `port` serves the UI and the REST API, `port + 1` the tasks; `environment` reaches every
    process and wins over the settings made here; `officers` are the users who may answer human tasks.
    """

    home: Path
    dags_folder: Path
    plugins_folder: Path | None
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    with_triggerer: bool = False
    officers: tuple[str, ...] = (COMPLIANCE_OFFICER,)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def execution_url(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}/execution/"

    @property
    def temporary_folder(self) -> Path:
        return self.home / "tmp"


def configure(settings: Settings) -> AirflowConfig:
    """Return the configuration of the project's own DAGs."""
    return AirflowConfig(
        home=settings.airflow_home,
        dags_folder=REPOSITORY / "dags",
        plugins_folder=None,
        port=settings.airflow_port,
        with_triggerer=True,  # watches landing
        officers=settings.officer_names,
        environment={f"TOKUMEI_{item.name.upper()}": str(getattr(settings, item.name)) for item in fields(settings)},
    )


def process_environment(config: AirflowConfig) -> dict[str, str]:
    """Return the whole environment of an Airflow process, the caller's own Airflow settings left out."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return {
        **inherited,
        "AIRFLOW_HOME": str(config.home),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)]),
        # Tasks put their temporary files here too, where a scan of the home finds them.
        "TMPDIR": str(config.temporary_folder),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        **_as_variables(_running_settings(config)),
        **_as_variables(_privacy_settings()),
        **load_component_secrets(config.home),
        **config.environment,
    }


def _running_settings(config: AirflowConfig) -> Options:
    return {
        "core": {
            "dags_folder": config.dags_folder,
            "plugins_folder": config.plugins_folder or config.home / "plugins",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 4,
            "execution_api_server_url": config.execution_url,
            "simple_auth_manager_all_admins": False,
            "simple_auth_manager_users": _list_users(config),
            "simple_auth_manager_passwords_file": passwords_file(config.home),
            "hostname_callable": "socket.gethostname",  # the default asks the name server
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{config.home}/airflow.db"},
        "api": {"base_url": config.url, "host": "127.0.0.1", "workers": 1},
        # With the default of 5 a finished task can hold its slot for 5 seconds.
        "workers": {"min_heartbeat_interval": 1},
        "scheduler": {
            "scheduler_idle_sleep_time": 0.2,
            # How soon the tasks of a start that was killed run again; the defaults are 5 minutes each.
            "orphaned_tasks_check_interval": 10,
            "task_instance_heartbeat_timeout": 60,
        },
        "dag_processor": {
            "parsing_processes": 1,
            "min_file_process_interval": 10,  # how soon a watcher starts once its DAG is unpaused; the default is 30
            "dag_bundle_storage_path": config.home / "bundles",  # the default is /tmp
        },
    }


def _list_users(config: AirflowConfig) -> str:
    return ",".join(f"{user}:{role}" for user, role in list_users(config.officers).items())


def _privacy_settings() -> Options:
    """Return what keeps Airflow's own database and logs from holding more than they must."""
    return {
        "core": {
            # Task arguments, upstream XComs included, are stored as rendered fields: store them as empty strings.
            "max_templated_field_length": 0,
            "num_dag_runs_to_retain_rendered_fields": 1,
            "sensitive_var_conn_names": "key,pepper,salt",
        },
        "logging": {
            "file_task_handler_new_folder_permissions": "0o700",
            "file_task_handler_new_file_permissions": "0o600",
        },
        "usage_data_collection": {"enabled": False},
    }


def _as_variables(settings: Options) -> dict[str, str]:
    return {
        f"AIRFLOW__{section.upper()}__{option.upper()}": str(value)
        for section, options in settings.items()
        for option, value in options.items()
    }

import http.client
import json
import tomllib
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from steersman.services.housekeeping.model import HousekeepingSettings
from steersman.services.operations.commands.drill.faults.reach import ask, stored_orders
from steersman.services.operations.commands.drill.mesh.layout import Mesh
from steersman.services.operations.commands.drill.mesh.settings import settings_of
from steersman.services.runbooks.model import RunbookSettings
from steersman.services.telemetry.model import TelemetrySettings
from steersman.services.workloads.model.settings import WorkloadsSettings


def test_a_mesh_alone_serves_everybody_keeps_what_it_acknowledged_and_leaves_no_process(laid_out) -> None:
    laid_out.start_all()
    front = http.client.HTTPConnection("127.0.0.1", laid_out.mesh.ports["front"], timeout=5)
    answers = []
    for number in range(200):
        if number % 4:
            front.request("GET", f"/catalogue?page={number % 10}")
        else:
            front.request("POST", "/order", json.dumps({"item": number}).encode())
        response = front.getresponse()
        answers.append((response.status, response.read()))
    front.close()
    assert {status for status, _ in answers} == {200}
    assert stored_orders(laid_out.mesh) == 50
    laid_out.until(lambda: laid_out.number("worker", "jobs_processed_total") == 50, "all jobs are done")
    laid_out.restart("database")
    laid_out.until(lambda: laid_out.well("database"), "the database is back")
    assert stored_orders(laid_out.mesh) == 50
    laid_out.close()
    assert {name: one.returncode for name, one in laid_out.started.items()} == dict.fromkeys(laid_out.started, 0)
    assert laid_out.left() == []


def test_every_page_is_read_by_the_reference_parser_and_has_the_agreed_names(laid_out) -> None:
    laid_out.start_all()
    common = {"process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds", "build_info"}
    own = {
        "inventory": {"pool_connections_in_use", "pool_connections_max", "pool_waiters", "dependency_requests"},
        "worker": {"queue_length", "queue_oldest_age_seconds", "jobs_processed", "jobs_failed"},
        "cache": {"cache_hits", "cache_misses"},
        "database": {"data_dir_bytes_used", "data_dir_bytes_quota", "lock_wait_seconds"},
        "payments": {"tls_certificate_not_after_seconds", "wall_clock_seconds"},
    }
    for name in laid_out.mesh.services:
        page = urllib.request.urlopen(f"http://{laid_out.mesh.services[name]}/metrics").read().decode()
        names = {family.name for family in text_string_to_metric_families(page)}
        assert common | own.get(name, set()) <= names, name


def test_a_release_that_cannot_start_and_a_configuration_in_words_end_with_an_error(laid_out) -> None:
    file = laid_out.mesh.folder / "inventory" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pool_size": "many"}))
    laid_out.start("inventory")
    assert laid_out.started["inventory"].wait(10) == 2
    assert "pool_size is 'many'" in (laid_out.mesh.folder / "inventory" / "log").read_text()


def test_the_settings_for_a_watcher_are_what_the_services_of_the_platform_take(tmp_path) -> None:
    mesh = Mesh(tmp_path / "mesh")
    mesh.lay_out("http://127.0.0.1:1", "token")
    found = tomllib.loads(settings_of(mesh))
    supervised = WorkloadsSettings.model_validate(found["services"]).services
    assert set(supervised) == set(mesh.services)
    assert all(one.self_healing for one in supervised.values())
    assert {job.job for job in TelemetrySettings.model_validate(found["telemetry"]).scrape} == set(mesh.services)
    assert HousekeepingSettings.model_validate(found["housekeeping"]).paths[0].service == "database"
    assert "renew_certificate_payments" in RunbookSettings.model_validate(found["runbooks"]).runbooks


def test_a_part_of_the_mesh_can_be_laid_out_alone(tmp_path) -> None:
    mesh = Mesh(tmp_path / "mesh", topology=("database", "cache", "inventory"))
    assert set(mesh.services) == {"database", "cache", "inventory"}
    mesh.lay_out()
    assert set(tomllib.loads(settings_of(mesh))["services"]) == {"stop_with_platform", *mesh.services}


@pytest.mark.slow
def test_replicas_of_the_worker_take_jobs_from_the_first(laid_out) -> None:
    laid_out.start_all()
    for _ in range(30):
        ask(laid_out.mesh, "worker", "POST", "/jobs", {"order": "one", "weight": 20})
    command = laid_out.mesh.command("worker", "1")
    assert laid_out.number("worker", "jobs_processed_total") <= 1
    laid_out.started["worker/1"] = __import__("subprocess").Popen(command)
    laid_out.until(lambda: laid_out.number("worker", "jobs_processed_total") >= 4, "two do more than one")

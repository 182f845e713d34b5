"""Every installed service keeps the contract. A service's examples are in `tests/services/<name>/cases.py`."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from steersman.app import HOUSE_PROVIDES
from steersman.contract.service import Service
from steersman.contract.testing import CHECKS, OF_DECLARATIONS, Cases, Check
from steersman.runtime.registry import discover

SERVICES = discover(house_provides=HOUSE_PROVIDES)
EXAMPLES = Path(__file__).parent.parent / "services"


def cases_of(service: Service) -> Cases:
    """Load the examples of a service; there is no service without them."""
    spec = importlib.util.spec_from_file_location(f"{service.name}_cases", EXAMPLES / service.name / "cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Cases = module.CASES
    return found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_an_installed_service_keeps_the_contract(service: Service, check: Check, open_harness: Any) -> None:
    """Each promise of a declaration holds in a running platform with all services in it."""
    cases = cases_of(service)
    if check in OF_DECLARATIONS:
        check(None, service, cases)  # type: ignore[arg-type] # it asks no platform
        return
    with open_harness(SERVICES, cases.settings()) as harness:
        cases.prepare(harness.context(service))
        check(harness, service, cases)


def test_the_installed_services_are_found_by_entry_point() -> None:
    """The platform itself is found like any plug-in."""
    assert "platform" in {service.name for service in SERVICES}

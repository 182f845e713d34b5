"""Tenants under /api/identity/tenants: for whoever looks after the installation, and nobody in a tenant."""

from __future__ import annotations

from steersman.contract.ports import Context
from steersman.contract.requirements import TwoPeople
from steersman.contract.service import Route
from steersman.model.ids import Tenant
from steersman.runtime.identity import tenants
from steersman.runtime.identity.identity import Identity
from steersman.runtime.identity.roles import TENANTS_READ, TENANTS_WRITE
from steersman.runtime.identity.tenants import TenantRecord
from steersman.services.identity import model
from steersman.services.identity.store.tenancy import Tenancy


def list_tenants(ctx: Context) -> list[model.TenantView]:
    with ctx.ports.database.reading() as connection:
        return [_view(record) for record in tenants.list_tenants(connection)]


def add_tenant(ctx: Context, body: model.NewTenant) -> model.TenantView:
    return _view(_tenancy(ctx).add(Tenant(body.id), body.title))


def tenant(ctx: Context, tenant: str) -> model.TenantView:
    with ctx.ports.database.reading() as connection:
        return _view(tenants.the_tenant(connection, tenant))


def change_tenant(ctx: Context, tenant: str, body: model.TenantChange) -> model.TenantView:
    return _view(_tenancy(ctx).change(tenant, title=body.title, disabled=body.disabled))


def _tenancy(ctx: Context) -> Tenancy:
    return Tenancy(ctx.ports.get(Identity), ctx.caller)


def _view(record: TenantRecord) -> model.TenantView:
    return model.TenantView(id=record.id, title=record.title, disabled=record.disabled, created_ms=record.created_ms)


_PATH = "/api/identity/tenants"

ROUTES = (
    Route(method="GET", path=_PATH, handler=list_tenants, permission=TENANTS_READ, summary="Every tenant."),
    Route(
        method="POST",
        path=_PATH,
        handler=add_tenant,
        permission=TENANTS_WRITE,
        summary="Add a tenant.",
        status=201,
        errors=(400, 409),
    ),
    Route(
        method="GET",
        path=f"{_PATH}/{{tenant}}",
        handler=tenant,
        permission=TENANTS_READ,
        summary="One tenant.",
        errors=(404,),
    ),
    Route(
        method="PATCH",
        path=f"{_PATH}/{{tenant}}",
        handler=change_tenant,
        permission=TENANTS_WRITE,
        summary="Call a tenant something else, disable it at once, or let it in again.",
        errors=(400, 404, 409),
        requires=(TwoPeople(),),
    ),
)

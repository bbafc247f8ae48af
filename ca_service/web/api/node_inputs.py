"""Inputs of the API about nodes. Passwords come in the body alone: addresses are logged."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ca_service.authority.fleet.node_contact import Credentials
from ca_service.authority.fleet.node_plan import Order
from ca_service.pki.profiles import MAX_LEAF_DAYS
from ca_service.vos.purposes import PURPOSES, TOMCAT_ECDSA, get_purpose
from ca_service.web.api.inputs import Days, Flag, Input, ProductName, PurposeName

_Text = Annotated[str, Field(max_length=200)]
_SECRET: Final[dict[str, Any]] = {"format": "password", "writeOnly": True}
_MAX_CHANGES: Final = 20


class NodeContactInput(Input):
    """The first contact with a node."""

    fingerprint: _Text = Field(
        default="", description="the SHA-256 of the certificate that the node presents, as a person has compared it"
    )


class NodeLinesQuery(Input):
    """The wanted lines for the command line of a node."""

    purpose: PurposeName = Field(default=TOMCAT_ECDSA.service, description=f"one of: {', '.join(PURPOSES)}")
    product: ProductName | None = Field(default=None, description="the product of the host; the known one if omitted")
    version: _Text = Field(default="", description="the version of the product, such as 11.5")
    new_csr: Flag | None = Field(default=None, description="true for the lines of a new CSR in any case, or false")

    def order(self) -> Order:
        """Return the wanted certificate. Raises InvalidInput for an unknown purpose."""
        purpose = get_purpose(self.purpose)
        return Order(purpose, product=self.product or "", version=self.version, new_csr=bool(self.new_csr))


class NodePlanInput(NodeContactInput):
    """The wanted certificate of a node, and an administrator of its operating system."""

    user: _Text = Field(description="an administrator of the operating system of the node")
    password: Annotated[str, Field(min_length=1, max_length=1000, repr=False, json_schema_extra=_SECRET)] = Field(
        description="the password of the user, which is used for this call and not stored"
    )
    purpose: PurposeName = Field(default=TOMCAT_ECDSA.service, description=f"one of: {', '.join(PURPOSES)}")
    curve: Literal["P-384", "P-256"] = Field(default="P-384", description="the curve of a new key: P-384 or P-256")
    product: ProductName | None = Field(default=None, description="the product of the host; the known one if omitted")
    version: _Text = Field(default="", description="the version of the product, such as 14SU2")
    validity_days: Days | None = Field(default=None, description=f"a whole number of days, 1 to {MAX_LEAF_DAYS}")
    new_csr: bool = Field(default=False, description="true to replace the CSR on the node, and with it its key")

    def credentials(self) -> Credentials:
        """Return the administrator."""
        return Credentials(self.user, self.password)

    def order(self) -> Order:
        """Return the wanted certificate. Raises InvalidInput for an unknown purpose."""
        return Order(
            get_purpose(self.purpose), self.curve, self.product or "", self.version, self.validity_days, self.new_csr
        )


class NodeApplyInput(NodePlanInput):
    """A confirmed plan."""

    confirmed: Annotated[list[_Text], Field(max_length=_MAX_CHANGES)] = Field(
        description="the keys of the changes that may be made: those in the plan, after a look at it"
    )
    probe_ports: Annotated[list[Annotated[int, Field(ge=1, le=65535)]], Field(max_length=_MAX_CHANGES)] = Field(
        default=[], description="the ports to probe afterwards; all of the product if omitted"
    )

"""Inputs of the API about clusters, nodes, and what is known of products.

Passwords come in the body alone: addresses are logged.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from ca_service.authority.fleet.node_contact import Credentials
from ca_service.authority.fleet.node_plan import Order
from ca_service.authority.fleet.nodes import MAX_NAME, MAX_NODES
from ca_service.authority.paging import MAX_PAGE
from ca_service.pki.profiles import MAX_LEAF_DAYS
from ca_service.vos.experience import Signing
from ca_service.vos.messages import MAX_LENGTH
from ca_service.vos.products import products
from ca_service.vos.purposes import PURPOSES, TOMCAT_ECDSA, get_purpose
from ca_service.web.api.inputs import Days, Flag, Input, Limit, OptionFields, ProductName, PurposeName

_Text = Annotated[str, Field(max_length=300)]
_SigningName = Annotated[str, Field(max_length=40, json_schema_extra={"enum": list(Signing)})]
_SIGNINGS: Final = f"one of: {', '.join(Signing)}"

_Short = Annotated[str, Field(max_length=200)]
_SECRET: Final[dict[str, Any]] = {"format": "password", "writeOnly": True}
_MAX_CHANGES: Final = 20


class ClusterListFields(Input):
    """The query of the list of clusters."""

    q: Annotated[str, Field(max_length=200)] = Field(
        default="", description="words in the name of the cluster or of a node, at most 200 characters"
    )
    sort: Literal["name", "newest"] = Field(default="name", description="one of: name, newest")
    limit: Limit = Field(default=50, description=f"entries per page: a whole number from 1 to {MAX_PAGE}")
    cursor: Annotated[str, Field(max_length=1000)] = Field(
        default="", description="the cursor from the link to the next page, unchanged and with the same sort"
    )


class NodeFields(Input):
    """One node of a new cluster."""

    fqdn: _Text = Field(description="the full name of the server, as agents open it")
    product: _Text = Field(description=f"one of: {', '.join(products())}")
    version: _Text = Field(description="the version as the node prints it, such as 11.5 or 14SU2")
    role: _Text = Field(description="a role of the product, such as publisher")


class ClusterInput(Input):
    """A new cluster."""

    name: _Text = Field(description=f"a name of 1 to {MAX_NAME} characters")
    nodes: Annotated[list[NodeFields], Field(max_length=MAX_NODES)] = Field(
        default=[], description=f"at most {MAX_NODES} nodes, each with fqdn, product, version and role as strings"
    )


class PlaceQuery(OptionFields):
    """The query for CSRs of a cluster: the options, where they belong, and what to do."""

    node: _Text | None = Field(
        default=None, description="the full name of the node of all CSRs; found by their names if omitted"
    )
    sign: Flag | None = Field(default=None, description="true to have them signed as well, or false")
    preview: Flag | None = Field(default=None, description="true to see where they belong and store nothing, or false")


class MarkInput(Input):
    """A step of the runbook, and whether it is done."""

    step: _Text = Field(description="the key of a step of the runbook")
    done: bool = Field(default=True, description="true if it is done, false to undo the mark")


class RunbookQuery(Input):
    """The query of a runbook."""

    format: Literal["json", "text"] | None = Field(default=None, description="one of: json, text")


class ProductQuery(Input):
    """The query of a product."""

    version: Annotated[str, Field(max_length=40)] = Field(
        default="", description="a version such as 12.5(1)SU6; all versions if omitted"
    )


class QuestionQuery(Input):
    """The query of the frequent questions."""

    q: Annotated[str, Field(max_length=200)] = Field(
        default="", description="words that are all in the question, its answer or its topic, at most 200 characters"
    )


class ExplanationInput(Input):
    """A text with messages."""

    text: Annotated[str, Field(json_schema_extra={"maxLength": MAX_LENGTH})] = Field(
        description=f"the message of a node, a tool or a browser, at most {MAX_LENGTH} characters"
    )


class MatrixQuery(Input):
    """The signers of the two certificates of a node."""

    tomcat: _SigningName = Field(default=Signing.RSA_CA.value, description=f"the signer of tomcat, {_SIGNINGS}")
    tomcat_ecdsa: _SigningName = Field(
        default=Signing.EC_CA.value, alias="tomcat-ecdsa", description=f"the signer of tomcat-ECDSA, {_SIGNINGS}"
    )


class NodeContactInput(Input):
    """The first contact with a node."""

    fingerprint: _Short = Field(
        default="", description="the SHA-256 of the certificate that the node presents, as a person has compared it"
    )


class NodeLinesQuery(Input):
    """The wanted lines for the command line of a node."""

    purpose: PurposeName = Field(default=TOMCAT_ECDSA.service, description=f"one of: {', '.join(PURPOSES)}")
    product: ProductName | None = Field(default=None, description="the product of the host; the known one if omitted")
    version: _Short = Field(default="", description="the version of the product, such as 11.5")
    new_csr: Flag | None = Field(default=None, description="true for the lines of a new CSR in any case, or false")

    def order(self) -> Order:
        """Return the wanted certificate. Raises InvalidInput for an unknown purpose."""
        purpose = get_purpose(self.purpose)
        return Order(purpose, product=self.product or "", version=self.version, new_csr=bool(self.new_csr))


class NodePlanInput(NodeContactInput):
    """The wanted certificate of a node, and an administrator of its operating system."""

    user: _Short = Field(description="an administrator of the operating system of the node")
    password: Annotated[str, Field(min_length=1, max_length=1000, repr=False, json_schema_extra=_SECRET)] = Field(
        description="the password of the user, which is used for this call and not stored"
    )
    purpose: PurposeName = Field(default=TOMCAT_ECDSA.service, description=f"one of: {', '.join(PURPOSES)}")
    curve: Literal["P-384", "P-256"] = Field(default="P-384", description="the curve of a new key: P-384 or P-256")
    product: ProductName | None = Field(default=None, description="the product of the host; the known one if omitted")
    version: _Short = Field(default="", description="the version of the product, such as 14SU2")
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

    confirmed: Annotated[list[_Short], Field(max_length=_MAX_CHANGES)] = Field(
        description="the keys of the changes that may be made: those in the plan, after a look at it"
    )
    probe_ports: Annotated[list[Annotated[int, Field(ge=1, le=65535)]], Field(max_length=_MAX_CHANGES)] = Field(
        default=[], description="the ports to probe afterwards; all of the product if omitted"
    )

"""Inputs of the API about clusters and about what is known of products."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from ca_service.authority.fleet.nodes import MAX_NAME, MAX_NODES
from ca_service.authority.paging import MAX_PAGE
from ca_service.vos.experience import Signing
from ca_service.vos.messages import MAX_LENGTH
from ca_service.vos.products import products
from ca_service.web.api.inputs import Flag, Input, Limit, OptionFields

_Text = Annotated[str, Field(max_length=300)]
_SigningName = Annotated[str, Field(max_length=40, json_schema_extra={"enum": list(Signing)})]
_SIGNINGS: Final = f"one of: {', '.join(Signing)}"


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

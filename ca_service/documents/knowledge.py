"""Facts about Cisco's products: products by version, messages, and frequent questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Self

from pydantic import Field

from ca_service.documents.fields import Document
from ca_service.vos.knowledge import Fact, titles
from ca_service.vos.messages import Explained, Message
from ca_service.vos.products import Action, Port, Product, Release, unread
from ca_service.vos.questions import Question

#: The kinds of actions of a release, in the order in which they are done.
PHASES: Final = ("cautions", "settles", "peers", "prepare", "switches", "restarts", "restore", "checks")
Use = Literal["default", "switch", "never", "unknown"]


class FactDocument(Document):
    """A sentence with its sources."""

    text: str
    confirmed: bool = Field(description="whether a document says it; false if it was inferred")
    sources: list[str] = Field(description="the titles of its sources")

    @classmethod
    def of(cls, fact: Fact) -> Self:
        """Describe a fact."""
        return cls(text=fact.text, confirmed=fact.is_confirmed, sources=list(titles(fact.sources)))


def fact_documents(facts: Sequence[Fact]) -> list[FactDocument]:
    """Describe the facts in their order."""
    return [FactDocument.of(each) for each in facts]


class ActionDocument(Document):
    """An action on nodes."""

    title: str = Field(description="{node} stands for the name of the node")
    fact: FactDocument
    why: str = Field(description="the reason; or empty")
    undo: str = Field(description="the way back; or empty")
    commands: list[str] = Field(description="lines for the command line of the node")
    minutes: int | None = Field(description="about how long a restart takes; null for another action")
    wait: FactDocument | None = Field(description="how to see that a restart is over")
    users: str = Field(description="what users notice; or empty")
    on: str = Field(description="a role, or `every node`")
    purpose: str = Field(description="the only purpose for which it is needed; or empty")
    product: str = Field(description="the product of a peer; or empty")
    store: str = Field(description="the trust store of a peer for root and intermediate; or empty")
    optional: bool

    @classmethod
    def of(cls, action: Action) -> Self:
        """Describe an action."""
        effect = action.effect
        return cls(
            title=action.title,
            fact=FactDocument.of(action.fact),
            why=action.why,
            undo=action.undo,
            commands=list(action.commands),
            minutes=effect.minutes if effect else None,
            wait=FactDocument.of(effect.wait) if effect else None,
            users=effect.users if effect else "",
            on=action.on,
            purpose=action.purpose,
            product=action.product,
            store=action.store,
            optional=action.is_optional,
        )


class ProductPortDocument(Document):
    """A port that presents a certificate."""

    number: int
    service: str
    presents: str = Field(description="ECDSA, RSA, `as switched`, or `both`")
    purpose: str
    starttls: str = Field(description="the protocol that asks for TLS, as openssl names it; empty if TLS comes first")
    fact: FactDocument

    @classmethod
    def of(cls, port: Port) -> Self:
        """Describe a port."""
        return cls(
            number=port.number,
            service=port.service,
            presents=port.presents,
            purpose=port.purpose,
            starttls=port.starttls,
            fact=FactDocument.of(port.fact),
        )


class ReleaseDocument(Document):
    """A product in a range of versions. The actions come in the order in which they are done."""

    label: str = Field(description="the versions: 11.6 to 12.5")
    use: Use = Field(description="whether nodes present the ECDSA certificate: default, after a switch, never, unknown")
    uses: FactDocument
    purposes: list[str]
    interfaces: list[str] = Field(description="the ways to upload a certificate")
    multi_server_interfaces: list[str]
    accesses: list[FactDocument] = Field(description="what you need beside the nodes themselves")
    cautions: list[ActionDocument] = Field(description="what to read before")
    settles: list[ActionDocument] = Field(description="on nodes that received root and intermediate")
    peers: list[ActionDocument] = Field(description="the other nodes that must trust root and intermediate")
    prepare: list[ActionDocument] = Field(description="before the certificate is uploaded")
    switches: list[ActionDocument] = Field(description="what puts the certificate into use")
    restarts: list[ActionDocument]
    restore: list[ActionDocument] = Field(description="what ends the preparation")
    checks: list[ActionDocument] = Field(description="what proves that it works")
    ports: list[ProductPortDocument]
    warnings: list[FactDocument]

    @classmethod
    def of(cls, release: Release) -> Self:
        """Describe a release."""
        return cls(
            label=release.label,
            use=release.use.value,
            uses=FactDocument.of(release.uses),
            purposes=[each.service for each in release.purposes],
            interfaces=list(release.interfaces),
            multi_server_interfaces=list(release.multi_server_interfaces),
            accesses=fact_documents(release.accesses),
            ports=[ProductPortDocument.of(each) for each in release.ports],
            warnings=fact_documents(release.warnings),
            **{kind: [ActionDocument.of(each) for each in getattr(release, kind)] for kind in PHASES},
        )


class ReleaseSummaryDocument(Document):
    """The main fact about a release."""

    label: str
    use: Use
    uses: FactDocument
    purposes: list[str]

    @classmethod
    def of(cls, release: Release) -> Self:
        """Describe a release in a list."""
        purposes = [each.service for each in release.purposes]
        return cls(label=release.label, use=release.use.value, uses=FactDocument.of(release.uses), purposes=purposes)


class ProductSummaryDocument(Document):
    """A product in the list."""

    id: str
    name: str
    long_name: str
    roles: list[str] = Field(description="in the order in which nodes are treated")
    releases: list[ReleaseSummaryDocument]

    @classmethod
    def of(cls, product: Product) -> Self:
        """Describe a product in a list."""
        return cls(
            id=product.id,
            name=product.name,
            long_name=product.long_name,
            roles=list(product.roles),
            releases=[ReleaseSummaryDocument.of(each) for each in product.releases],
        )


class ProductsDocument(Document):
    """All products."""

    products: list[ProductSummaryDocument]

    @classmethod
    def of(cls, products: Sequence[Product]) -> Self:
        """Describe the products."""
        return cls(products=[ProductSummaryDocument.of(each) for each in products])


class ProductDocument(Document):
    """A product with everything that is known of its versions."""

    id: str
    name: str
    long_name: str
    roles: list[str] = Field(description="in the order in which nodes are treated")
    trust_roles: list[str] = Field(description="where root and intermediate are uploaded")
    trust: FactDocument
    newest: str = Field(description="the last version that the sources cover")
    releases: list[ReleaseDocument] = Field(description="empty if no source covers the requested version")
    unread: str = Field(description="what is assumed for a version that no source covers; empty if one does")

    @classmethod
    def of(cls, product: Product, releases: Sequence[Release], at: str) -> Self:
        """Describe a product with its releases at a version, or at any if the text is empty."""
        return cls(
            id=product.id,
            name=product.name,
            long_name=product.long_name,
            roles=list(product.roles),
            trust_roles=list(product.trust_roles),
            trust=FactDocument.of(product.trust),
            newest=product.newest,
            releases=[ReleaseDocument.of(each) for each in releases],
            unread="" if releases else str(unread(product, at)),
        )


class ExplanationDocument(Document):
    """A known message that was found in a text."""

    id: str
    kind: Literal["refused", "silent", "sign-in", "browser", "note", "success"] = Field(
        description="an upload is refused, or has no effect; a sign-in or a browser fails; harmless; success"
    )
    title: str
    printed: list[str] = Field(description="how it is printed, word for word")
    cause: FactDocument
    next: list[FactDocument] = Field(description="the steps to take, in their order")
    rules: list[str] = Field(description="the rules of the fit check that find the same fault before the upload")

    @classmethod
    def of(cls, message: Message) -> Self:
        """Describe a message."""
        return cls(
            id=message.id,
            kind=message.kind.value,
            title=message.title,
            printed=list(message.printed),
            cause=FactDocument.of(message.cause),
            next=fact_documents(message.next),
            rules=list(message.rules),
        )


class ExplanationsDocument(Document):
    """The known messages in a text, the longest match first; none if nothing is known of it."""

    explanations: list[ExplanationDocument]

    @classmethod
    def of(cls, found: Sequence[Explained]) -> Self:
        """Describe what was found."""
        return cls(explanations=[ExplanationDocument.of(each.message) for each in found])


class QuestionDocument(Document):
    """A frequent question and its answer."""

    question: str
    answer: FactDocument


class TopicDocument(Document):
    """The questions of one topic."""

    topic: str
    questions: list[QuestionDocument]


class QuestionsDocument(Document):
    """Frequent questions by topic, in the order of the page."""

    topics: list[TopicDocument]

    @classmethod
    def of(cls, found: Mapping[str, Sequence[Question]]) -> Self:
        """Describe the questions."""
        return cls(
            topics=[
                TopicDocument(
                    topic=topic,
                    questions=[
                        QuestionDocument(question=each.question, answer=FactDocument.of(each.answer)) for each in every
                    ],
                )
                for topic, every in found.items()
            ]
        )

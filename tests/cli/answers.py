"""The document with which each command answers `--json`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from ca_service.documents import (
    audit,
    authorities,
    certificates,
    checks,
    experience,
    fleet,
    knowledge,
    nodes,
    operations,
    people,
    probes,
    requests,
    revocations,
    runbooks,
)
from ca_service.documents.fields import Document

DOCUMENTS: Final[Mapping[str, tuple[type[Document], ...]]] = {
    "audit list": (audit.EventsDocument,),
    "audit export": (audit.AuditExportDocument,),
    "audit verify": (audit.VerificationDocument,),
    "audit head": (audit.NewestSealDocument,),
    "audit seal": (audit.SealedDocument,),
    "ca show": (authorities.HierarchyDocument,),
    "ca export": (authorities.ChainFileDocument,),
    "ca import": (authorities.ImportedDocument,),
    "ca request": (authorities.CSRDocument,),
    "ca install": (authorities.ImportedDocument,),
    "ca rollover": (authorities.RolloverDocument,),
    "ca root-key export": (operations.FileDocument,),
    "ca root-key verify": (authorities.VerifiedRootKeyDocument,),
    "ca root-key remove": (authorities.RemovedDocument,),
    "check": (checks.ChecksDocument,),
    "cluster list": (fleet.ClustersDocument,),
    "cluster create": (fleet.ClusterDocument,),
    "cluster show": (fleet.ClusterDocument,),
    "cluster add": (fleet.PlacementsDocument,),
    "cluster sign": (fleet.PlacementsDocument,),
    "cluster bundle": (operations.FileDocument,),
    "cluster runbook": (runbooks.RunbookDocument,),
    "cluster mark": (fleet.ClusterDocument,),
    "cluster probe": (probes.ProbeDocument,),
    "cluster remove": (fleet.RemovedClusterDocument,),
    "completion": (operations.CompletionDocument,),
    "config show": (operations.SettingsDocument,),
    "crl show": (revocations.NewestCRLsDocument,),
    "crl publish": (revocations.PublishedCRLsDocument, revocations.CRLDocument),
    "crl export": (revocations.CRLFileDocument,),
    "crl import": (revocations.ImportedCRLDocument,),
    "crl sign-root": (revocations.CRLDocument,),
    "crl revoke-authority": (revocations.AuthorityRevocationDocument,),
    "db upgrade": (operations.UpgradeDocument,),
    "db current": (operations.VersionDocument,),
    "db check": (operations.SchemaDocument,),
    "doctor": (operations.HealthDocument,),
    "explain": (knowledge.ExplanationsDocument,),
    "fit": (checks.FitDocument,),
    "init": (authorities.InitialisedDocument,),
    "jobs list": (operations.JobsDocument,),
    "jobs run": (operations.RunDocument,),
    "list": (certificates.CertificateListDocument,),
    "matrix": (experience.MatrixDocument,),
    "lab-node": (nodes.LabNodesDocument,),
    "node plan": (nodes.NodePlanDocument, nodes.ContactDocument),
    "node apply": (nodes.NodeAppliedDocument, nodes.ContactDocument),
    "node lines": (nodes.NodeLinesDocument,),
    "notices list": (operations.MessagesDocument, operations.UpcomingListDocument),
    "notices retry": (operations.RevivedDocument,),
    "notices test": (operations.MessagesDocument,),
    "probe": (probes.ProbeDocument,),
    "products": (knowledge.ProductsDocument, knowledge.ProductDocument),
    "questions": (knowledge.QuestionsDocument,),
    "release": (revocations.RevocationResultDocument,),
    "renew": (certificates.WrittenCertificatesDocument,),
    "requests list": (requests.RequestsDocument,),
    "requests show": (requests.RequestDocument,),
    "requests approve": (requests.RequestDocument,),
    "requests refuse": (requests.RequestDocument,),
    "revoke": (revocations.RevocationResultDocument,),
    "serve": (operations.ServingDocument,),
    "show": (certificates.CertificateDocument, certificates.WrittenCertificatesDocument),
    "sign": (certificates.WrittenCertificatesDocument,),
    "token create": (people.CreatedTokenDocument,),
    "token list": (people.TokensDocument,),
    "token revoke": (people.TokenDocument, people.RevokedTokensDocument),
    "trust-kit": (authorities.TrustKitDocument,),
    "user create": (people.AccountDocument,),
    "user list": (people.AccountsDocument,),
    "user password": (people.AccountDocument,),
    "user role": (people.AccountDocument,),
    "user mail": (people.AccountDocument,),
    "user disable": (people.AccountDocument,),
    "user enable": (people.AccountDocument,),
    "user unlock": (people.AccountDocument,),
    "user reset": (people.ResetAccountDocument,),
    "user sessions": (people.SessionsDocument,),
}
SILENT: Final = ("jobs loop",)  # it runs until it is stopped, and answers nothing


def require_document(arguments: Sequence[str], answer: Any) -> None:
    """Fail unless the answer has exactly the members of a document of its command."""
    words = " ".join(arguments)
    name = max((known for known in DOCUMENTS if f"{words} ".startswith(f"{known} ")), key=len)
    text = json.dumps(answer)
    assert any(_fits(model, text, answer) for model in DOCUMENTS[name]), f"{name}: {text}"


def _fits(model: type[Document], text: str, answer: Any) -> bool:
    if set(answer) != set(model.model_fields):
        return False
    try:
        return bool(model.model_validate_json(text).model_dump(mode="json") == answer)
    except ValidationError:
        return False

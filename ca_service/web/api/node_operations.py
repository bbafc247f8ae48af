"""The operations of the API about nodes."""

from __future__ import annotations

from typing import Final

from ca_service.documents.nodes import ContactDocument, NodeAppliedDocument, NodeLinesDocument, NodePlanDocument
from ca_service.web.api import inputs
from ca_service.web.api.answers import BATCH_FORMS
from ca_service.web.api.fleet_inputs import NodeApplyInput, NodeContactInput, NodeLinesQuery, NodePlanInput
from ca_service.web.api.operation import READ_PROBLEMS, Operation, curl

_PROBLEMS: Final = (*READ_PROBLEMS, 413, 415, 422, 502)

NODES: Final = (
    Operation(
        id="contactNode",
        method="POST",
        path="/api/v1/nodes/{host}/contact",
        summary="See which certificate the API of a node presents",
        description=(
            "Makes a TLS handshake with the certificate management API of a node (CUCM, IM and Presence, Unity "
            "Connection and Emergency Responder from release 14); no credentials are sent. `believed` is empty unless "
            "the certificate was issued here or has the given fingerprint: compare it with the one that the node shows."
        ),
        curl=curl("""--json '{{}}' "{base_url}/api/v1/nodes/HOST/contact" """.strip()),
        answers={200: "The certificate that the node presents."},
        answer=ContactDocument,
        takes=NodeContactInput,
        problems=_PROBLEMS,
    ),
    Operation(
        id="planNode",
        method="POST",
        path="/api/v1/nodes/{host}/plan",
        summary="See what has to change on a node",
        description=(
            "Reads the snapshot of the node, and changes nothing on it; its slots show the certificate that it has. "
            "The password is sent to the node whose certificate was issued here or has the given `fingerprint`, and to "
            "no other; it is not stored. The first 401 of the node ends the call (403, `node.sign-in`), because nodes "
            "lock accounts. `node.json` has fingerprint, user and password."
        ),
        curl=curl('--json @node.json "{base_url}/api/v1/nodes/HOST/plan"'),
        answers={200: "The plan, with a key for each change."},
        answer=NodePlanDocument,
        takes=NodePlanInput,
        problems=_PROBLEMS,
    ),
    Operation(
        id="applyNode",
        method="POST",
        path="/api/v1/nodes/{host}/apply",
        summary="Put a certificate on a node",
        description=(
            "Makes the changes whose keys are in `confirmed`: CSR, signature, root and intermediate, upload. It also "
            "needs the scope `submit`; without an approval rule the request waits for an approver (`waiting`). "
            "Restarts stay with a person: `steps`. Afterwards the ports are probed. The slots of clusters follow. Send "
            "it again at any time: the node is read first, and nothing is made twice. It can take minutes: with "
            "`format=ndjson`, each change is a line, written as it begins; the last line is the end, or a problem."
        ),
        curl=curl('--json @node.json "{base_url}/api/v1/nodes/HOST/apply"'),
        answers={200: "The end of the run."},
        answer=NodeAppliedDocument,
        query=inputs.ProbeQuery,
        forms=BATCH_FORMS,
        takes=NodeApplyInput,
        problems=(*_PROBLEMS, 409, 504),
    ),
    Operation(
        id="getNodeLines",
        method="GET",
        path="/api/v1/nodes/{host}/lines",
        summary="Get lines for the command line of a node",
        description=(
            "Returns steps with lines to paste, for nodes without the API. The lines make the CSR if the host has no "
            "certificate from here, if its newest one is revoked or ends soon, or with `new_csr=true`. Otherwise they "
            "upload root, intermediate and certificate, and restart the services. No node is contacted."
        ),
        curl=curl('"{base_url}/api/v1/nodes/HOST/lines?product=cucm&version=12.5"'),
        answers={200: "The steps, in their order."},
        answer=NodeLinesDocument,
        query=NodeLinesQuery,
        problems=(*READ_PROBLEMS, 409),
    ),
)

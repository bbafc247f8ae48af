"""The operations of the API about clusters, and about what is known of products."""

from __future__ import annotations

from typing import Final

from ca_service.documents.experience import MatrixDocument
from ca_service.documents.fleet import ClusterDocument, ClustersDocument, PlacementsDocument, RemovedClusterDocument
from ca_service.documents.knowledge import ExplanationsDocument, ProductDocument, ProductsDocument, QuestionsDocument
from ca_service.documents.probes import ProbeDocument
from ca_service.documents.runbooks import RunbookDocument
from ca_service.web.api import fleet_inputs, inputs
from ca_service.web.api.answers import LIVE_FORMS, RUNBOOK_FORMS, ZIP_ONLY
from ca_service.web.api.operation import READ_PROBLEMS, Operation, curl

_ONE: Final = "/api/v1/clusters/{cluster_id}"
_ONE_CURL: Final = "{base_url}/api/v1/clusters/CLUSTER_ID"
_FOUND: Final = (*READ_PROBLEMS, 404)
_INTAKE: Final = (*READ_PROBLEMS, 413, 415)

PROBE_ANSWERS: Final = {
    200: "The whole result, after the last port.",
    202: "NDJSON while the probe goes on: a line for each port, then the whole result, or the problem that ended it.",
}
CLUSTERS: Final = (
    Operation(
        id="listClusters",
        method="GET",
        path="/api/v1/clusters",
        summary="List clusters",
        description=(
            "Lists one page of the clusters with their nodes. `next` and Link hold the address of the next page. "
            "Clusters need a token without limits on names and profiles."
        ),
        curl=curl('"{base_url}/api/v1/clusters?q=uccx1"'),
        answers={200: "One page of the clusters."},
        answer=ClustersDocument,
        query=fleet_inputs.ClusterListFields,
    ),
    Operation(
        id="createCluster",
        method="POST",
        path="/api/v1/clusters",
        summary="Create a cluster",
        description="Creates a cluster with its nodes. Products and their roles are in the list of products.",
        curl=curl(
            """--json '{{"name": "Lab", "nodes": [{{"fqdn": "uccx1.example.com", "product": "uccx", """
            """"version": "11.5", "role": "publisher"}}]}}' "{base_url}/api/v1/clusters" """.strip()
        ),
        answers={201: "The cluster was created."},
        answer=ClusterDocument,
        takes=fleet_inputs.ClusterInput,
        creates="the cluster",
        problems=(*_INTAKE, 409),
    ),
    Operation(
        id="getCluster",
        method="GET",
        path=_ONE,
        summary="See the board of a cluster",
        description="Returns the state of each slot (a purpose on a node), the next step, and superseded certificates.",
        curl=curl(f'"{_ONE_CURL}"'),
        answers={200: "The cluster."},
        answer=ClusterDocument,
        problems=_FOUND,
    ),
    Operation(
        id="removeCluster",
        method="DELETE",
        path=_ONE,
        summary="Remove a cluster",
        description="Removes the cluster with its nodes, CSRs and marks. Its certificates stay.",
        curl=curl(f'-X DELETE "{_ONE_CURL}"'),
        answers={200: "The cluster was removed."},
        answer=RemovedClusterDocument,
        problems=_FOUND,
    ),
    Operation(
        id="placeRequests",
        method="POST",
        path=f"{_ONE}/csrs",
        summary="Place CSRs, and sign them",
        description=(
            "Places the CSRs into the slots of the cluster, all or none. Names choose the node and file names the "
            "purpose; `node` and `purpose` set them for all CSRs. With `sign=true` they are signed as well, which "
            "also needs the scope `submit`; without an approval rule they wait for an approver (`waiting`). With "
            "`preview=true` nothing is stored. The same CSRs, sent again, change nothing and return the same "
            "certificates."
        ),
        curl=curl(f'-F csr=@uccx1.csr -F csr=@uccx2.csr "{_ONE_CURL}/csrs?sign=true"'),
        answers={200: "The slots of the CSRs, and what became of them."},
        answer=PlacementsDocument,
        query=fleet_inputs.PlaceQuery,
        takes=inputs.SubmissionInput,
        problems=(*_INTAKE, 404, 409, 422),
    ),
    Operation(
        id="getClusterBundle",
        method="GET",
        path=f"{_ONE}/bundle",
        summary="Fetch the bundle of a cluster",
        description=(
            "Returns a ZIP with all current certificates: a folder for each node, the shared trust files once, and "
            "the runbook. 404 if the cluster has no valid certificate; 409 if an authority above them is revoked."
        ),
        curl=curl(f'-OJ "{_ONE_CURL}/bundle"'),
        answers={200: "The bundle."},
        answer=None,
        forms=ZIP_ONLY,
        problems=(*_FOUND, 409),
    ),
    Operation(
        id="markStep",
        method="POST",
        path=f"{_ONE}/marks",
        summary="Mark a step",
        description="Marks a step of the runbook as done, or undoes the mark. The audit log records it.",
        curl=curl(f"""--json '{{{{"step": "STEP"}}}}' "{_ONE_CURL}/marks" """.strip()),
        answers={200: "The cluster after the mark."},
        answer=ClusterDocument,
        takes=fleet_inputs.MarkInput,
        problems=(*_INTAKE, 404),
    ),
    Operation(
        id="getRunbook",
        method="GET",
        path=f"{_ONE}/runbook",
        summary="Read the runbook of a cluster",
        description="Returns the steps for exactly these nodes in their order, with the marks, as JSON or as text.",
        curl=curl(f'"{_ONE_CURL}/runbook?format=text"'),
        answers={200: "The runbook."},
        answer=RunbookDocument,
        query=fleet_inputs.RunbookQuery,
        forms=RUNBOOK_FORMS,
        problems=_FOUND,
    ),
    Operation(
        id="probeCluster",
        method="POST",
        path=f"{_ONE}/probes",
        summary="See which certificates the nodes of a cluster present",
        description=(
            "Asks the ports of all nodes that have a certificate, as `/api/v1/probes` does. Afterwards a slot is "
            "verified if its certificate is presented, and no longer if another one is."
        ),
        curl=curl(f'-N -X POST "{_ONE_CURL}/probes"'),
        answers=PROBE_ANSWERS,
        answer=ProbeDocument,
        query=inputs.ProbeQuery,
        forms=LIVE_FORMS,
        problems=_FOUND,
    ),
)
KNOWLEDGE: Final = (
    Operation(
        id="listProducts",
        method="GET",
        path="/api/v1/products",
        summary="List products",
        description="Lists the products with their roles, and by version whether nodes present an ECDSA certificate.",
        curl=curl('"{base_url}/api/v1/products"'),
        answers={200: "All products."},
        answer=ProductsDocument,
    ),
    Operation(
        id="getProduct",
        method="GET",
        path="/api/v1/products/{product_id}",
        summary="See what is known of a product",
        description=(
            "Returns switches, restarts, ports and notes of a product by version, each sentence with its sources. "
            "`releases` is empty if the sources do not cover the requested version: `unread` says what is assumed."
        ),
        curl=curl('"{base_url}/api/v1/products/PRODUCT_ID?version=15"'),
        answers={200: "The product."},
        answer=ProductDocument,
        query=fleet_inputs.ProductQuery,
        problems=_FOUND,
    ),
    Operation(
        id="explainMessages",
        method="POST",
        path="/api/v1/explanations",
        summary="Explain error messages",
        description="Finds known messages of nodes, tools and browsers in a text: their cause, and what to do.",
        curl=curl("""--json '{{"text": "CSR SAN and Certificate SAN does not match"}}' """)
        + '"{base_url}/api/v1/explanations"',
        answers={200: "The known messages in the text; none if nothing is known of it."},
        answer=ExplanationsDocument,
        takes=fleet_inputs.ExplanationInput,
        problems=_INTAKE,
    ),
    Operation(
        id="listQuestions",
        method="GET",
        path="/api/v1/questions",
        summary="Answer frequent questions",
        description="Lists the questions of the page Tools > Questions by topic, each answer with its sources.",
        curl=curl('"{base_url}/api/v1/questions?q=COP"'),
        answers={200: "The questions with all of these words; all if none are given."},
        answer=QuestionsDocument,
        query=fleet_inputs.QuestionQuery,
    ),
    Operation(
        id="getMatrix",
        method="GET",
        path="/api/v1/matrix",
        summary="See what agents experience",
        description=(
            "Says what agents of UCCX and SocialMiner 11.5 see, by the signers of tomcat and tomcat-ECDSA (Cisco's "
            "table), and what is known of other combinations."
        ),
        curl=curl('"{base_url}/api/v1/matrix?tomcat=rsa-ca&tomcat-ecdsa=ec-ca"'),
        answers={200: "The experience of agents."},
        answer=MatrixDocument,
        query=fleet_inputs.MatrixQuery,
    ),
)

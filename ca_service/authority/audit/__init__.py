"""The audit log: what has happened, sealed so that it cannot be rewritten unnoticed.

What is sealed
    An event gets its number (`id`) when it is written, in the transaction that it describes. Its canonical
    bytes are JSON in ASCII: `v` (1), `id`, `at`, `event`, `actor`, `subject`, `details`, `origin`; the members
    sorted, nothing between them, everything outside ASCII as \\uXXXX (see `seals.canonical`). They are a leaf of a
    hash tree (RFC 6962, 2.1: SHA-256 of 0x00 and the leaf, of 0x01 and two nodes).
    A seal is one batch: `number` (from 1, no gaps), `first` and `last` id, `count`, `root` of the tree, `previous`
    (the hash of the previous seal, zeros in the first), `at`, `key` (SHA-256 of the public key). It is signed over
    its canonical bytes with a P-256 key that has no other use, `audit-seal-1` in the key store. The hash of a
    seal is SHA-256 of 0x02 and its canonical bytes with the signature.

States of an event
    written    it has no seal. Each change writes its event itself; no change waits for sealing.
    sealed     it has a seal and a position there, permanently. Only `Sealing` moves it, one at a time across all
               processes (the lock `seal`). The job seals the oldest events without a seal first. A receipt waits for
               its own event only, which is sealed with the newest others. Seals need no order among each other: an
               event that was committed late, with a smaller number, is in a later seal and never lost.

What a crash leaves behind
    before the key is stored                   nothing; the next sealing creates it.
    after the key is stored, before the seal   a key without seals, which the next sealing uses.
    before seal and places are committed       nothing: both are one transaction, and the signature is lost.
    after it                                   a sealed batch; only the caller does not know.

What it proves, and what not
    The public key is enough to detect that a sealed event was changed, removed, added or moved. Not detected
    are changes before sealing, and a missing end: a chain looks complete without its last seals. So
    keep the newest seal (`ca-service audit head`) elsewhere; `audit verify --expect-head` checks for it,
    and every receipt in a bundle is such an anchor too. With the sealing key and the database an attacker
    can write another history, but not one that matches an anchor.
"""

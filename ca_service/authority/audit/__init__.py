"""The record: what has happened, sealed so that it cannot be rewritten without being noticed.

What is sealed
    An event gets its number (`id`) when it is written, in the transaction that it describes. Its canonical
    bytes are JSON in ASCII: `v` (1), `id`, `at`, `event`, `actor`, `subject`, `details`, `origin`; the members
    sorted, nothing between them, everything outside ASCII as \\uXXXX (see `canonical`). They are a leaf of a
    hash tree (RFC 6962, 2.1: SHA-256 of 0x00 and the leaf, of 0x01 and two nodes).
    A seal is one batch: `number` (from 1, no gaps), `first` and `last` id, `count`, `root` of the tree, `previous`
    (the hash of the seal before, zeros in the first), `at`, `key` (SHA-256 of the public key). It is signed over
    its canonical bytes with a P-256 key that does nothing else, `audit-seal-1` in the key store. The hash of a
    seal is SHA-256 of 0x02 and its canonical bytes with the signature.

States of an event, and who may move it
    written    it has no seal. Whoever changes something writes it; nobody waits for a sealer.
    sealed     it has a seal and a position there, for good. Only `Sealing` moves it, one at a time across all
               processes (the lock `seal`). A batch takes the oldest events without a seal, whatever their
               numbers: one that was committed late, with a smaller number, is in the next batch and never lost.

What a crash leaves behind
    before the key is kept                     nothing; the next one makes it.
    after the key is kept, before the seal     a key without seals, which the next one uses.
    before seal and places are committed       nothing: both are one transaction, and the signature is forgotten.
    after it                                   a sealed batch; only the caller does not know.

What it proves, and what not
    A sealed event that is changed, removed, added or moved is found by anybody who has the public key. Not found
    is what is done before the seal, and that the end was cut off: a chain looks whole without its last seals. So
    the newest seal (`ca-service audit head`) is to be kept elsewhere; `audit verify --expect-head` asks for it,
    and every receipt that left with a bundle is such an anchor too. Whoever holds the sealing key and the database
    can write another history, but not one that agrees with an anchor.
"""

"""The decoders: the body of one request in, columns out.

Every decoder is a pure function `decode(body, received_ns)` with the same result for the same bytes, because the
write-ahead log keeps the bodies and is replayed through these functions. `received_ns` only stands in for a time
that the sender left out. A malformed body is refused as a whole with `InvalidInput`; what is well formed and still
not kept is counted in `Decoded.refused` with the reason.
"""

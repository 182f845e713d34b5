"""The wire messages of the protocols that publish no Python package, written from their specifications.

The `_pb2` modules and their `.pyi` stubs are generated. After a change to a `.proto` file, run in the repository
root, with `grpcio-tools` installed beside the runtime's `protobuf` (no newer than it):

    python -m grpc_tools.protoc -I src --python_out=src --pyi_out=src src/steersman/engine/decode/proto/*.proto
"""

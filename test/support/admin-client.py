"""admin-client - a gRPC client that is not ours, and knows of dracd.admin.v1.Admin only what reflection tells

Usage: admin-client.py SERVER [CA KEY CERT]. Reads one call a line from standard input: {"call": "Pin", "request": {...}}; of
a stream it reads "messages" messages (default: all). Prints what it is answered, one JSON object a line; an error as
{"code": ..., "details": ..., "reason": ..., "fields": [...]}.
"""
import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

SERVICE = "dracd.admin.v1.Admin"
F = descriptor_pb2.FieldDescriptorProto


def field(name, number, kind, **more):
    return F(name=name, number=number, type=kind, label=more.pop("label", F.LABEL_OPTIONAL), **more)


def reflection_messages():
    """The parts of grpc/reflection/v1/reflection.proto that are needed here."""
    proto = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package="r", syntax="proto3")
    proto.message_type.add(name="Request", field=[field("file_containing_symbol", 4, F.TYPE_STRING)])
    proto.message_type.add(
        name="Files", field=[field("files", 1, F.TYPE_BYTES, label=F.LABEL_REPEATED)]
    )
    proto.message_type.add(name="Response", field=[field("files", 4, F.TYPE_MESSAGE, type_name=".r.Files")])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(proto)
    factory = message_factory.MessageFactory(pool)
    return [factory.GetPrototype(pool.FindMessageTypeByName("r." + name)) for name in ("Request", "Response")]


def add(pool, protos, name):
    """A file after those that it imports."""
    proto = protos.pop(name, None)
    if proto is None:
        return
    for other in proto.dependency:
        add(pool, protos, other)
    pool.Add(proto)


def learn(channel):
    request, response = reflection_messages()
    info = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )
    protos = {}
    wanted = [request(file_containing_symbol=symbol) for symbol in (SERVICE, "google.rpc.Status")]
    for answer in info(iter(wanted), timeout=10):
        for data in answer.files.files:
            proto = descriptor_pb2.FileDescriptorProto.FromString(data)
            protos[proto.name] = proto
    pool = descriptor_pool.DescriptorPool()
    for name in list(protos):
        add(pool, protos, name)
    return pool


def details(error, factory, pool):
    found = {"code": error.code().name, "details": error.details(), "reason": "", "fields": []}
    make = lambda name: factory.GetPrototype(pool.FindMessageTypeByName("google.rpc." + name))
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in make("Status").FromString(value).details:
                name = detail.type_url.split(".")[-1]
                message = make(name).FromString(detail.value)
                if name == "ErrorInfo":
                    found["reason"] = message.reason
                if name == "BadRequest":
                    found["fields"] = [violation.field for violation in message.field_violations]
    return found


def main():
    server, *files = sys.argv[1:]
    if files:
        credentials = grpc.ssl_channel_credentials(*[open(name, "rb").read() for name in files])
        channel = grpc.secure_channel(server, credentials)
    else:
        channel = grpc.insecure_channel(server)
    pool = learn(channel)
    factory = message_factory.MessageFactory(pool)
    methods = pool.FindServiceByName(SERVICE).methods_by_name
    say = lambda value: print(json.dumps(value), flush=True)
    for line in sys.stdin:
        wanted = json.loads(line)
        method = methods[wanted["call"]]
        make = channel.unary_stream if method.name in ("List", "Watch") else channel.unary_unary
        call = make(
            "/%s/%s" % (SERVICE, method.name),
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=factory.GetPrototype(method.output_type).FromString,
        )
        request = json_format.ParseDict(wanted["request"], factory.GetPrototype(method.input_type)())
        if "unknown" in wanted:
            request.MergeFromString(bytes.fromhex(wanted["unknown"]))
        show = lambda message: say(json_format.MessageToDict(message, descriptor_pool=pool))
        try:
            answer = call(request, timeout=10)
            if make == channel.unary_unary:
                show(answer)
                continue
            left = wanted.get("messages", -1)
            for message in answer:
                show(message)
                left -= 1
                if left == 0:
                    answer.cancel()
                    break
        except grpc.RpcError as error:
            say(details(error, factory, pool))


main()

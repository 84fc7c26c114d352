"""forge-udp - sends one UDP datagram with any source address and port: what a stranger on the wire can do

usage: forge-udp.py SOURCE SOURCE_PORT DESTINATION PORT HEX (IPv6; needs CAP_NET_RAW)
"""
import ipaddress
import socket
import struct
import sys


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


source, source_port, destination, port, message = sys.argv[1:6]
payload = bytes.fromhex(message)
packed = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
length = 8 + len(payload)
header = struct.pack(">HHHH", int(source_port), int(port), length, 0)
pseudo = packed + struct.pack(">II", length, socket.IPPROTO_UDP)
header = header[:6] + struct.pack(">H", checksum(pseudo + header + payload) or 0xFFFF)
packet = struct.pack(">IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64) + packed + header + payload
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.sendto(packet, (destination, 0, 0, 0))

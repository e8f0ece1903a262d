"""Recompressing PNG files: those that vl-convert draws are three times as large as they need to be."""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = 8


def packed(file: bytes) -> bytes:
    """The content of a PNG file with the same pixels in fewer bytes."""
    chunks = list(_chunks(file))
    pixels = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    end = chunks.pop()
    kept = [chunk for chunk in chunks if chunk[0] != b"IDAT"]
    written = [*kept, (b"IDAT", zlib.compress(pixels)), end]
    return file[:SIGNATURE] + b"".join(_chunk(kind, body) for kind, body in written)


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the content of each chunk; in the file a chunk is length, kind, content, checksum."""
    start = SIGNATURE
    while start < len(file):
        length, kind = struct.unpack_from(">I4s", file, start)
        yield kind, file[start + 8 : start + 8 + length]
        start += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

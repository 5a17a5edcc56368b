"""What kind of picture or sound a file is, by how it begins; its name says nothing, and nothing is parsed further."""

HEAD_BYTES = 128
PICTURES = ("PNG", "JPEG", "GIF", "WebP")
"""Those that models take."""
SOUNDS = ("WAV", "MP3", "Ogg", "FLAC", "M4A")

_OGG_SOUNDS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
_OGG_PAGE_BYTES = 27
"""Of a page header before its table of segments, whose length is its last byte (RFC 3533)."""
_M4A_BRANDS = (b"M4A ", b"M4B ")


def media_type(head: bytes) -> str | None:
    """Give the media type of a file that begins with `head` (128 bytes); None for what is none that we know."""
    return _picture(head) or _sound(head)


def _picture(head: bytes) -> str | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if _is_riff(head, b"WEBP") and head[12:15] == b"VP8":
        return "image/webp"
    return None


def _sound(head: bytes) -> str | None:
    if _is_riff(head, b"WAVE"):
        return "audio/wav"
    if head.startswith(b"fLaC"):
        return "audio/flac"
    if head.startswith(b"OggS\0") and _first_packet(head).startswith(_OGG_SOUNDS):
        return "audio/ogg"
    if head[4:8] == b"ftyp" and head[8:12] in _M4A_BRANDS:
        return "audio/mp4"
    return "audio/mpeg" if _is_mp3(head) else None


def _is_riff(head: bytes, form: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == form


def _first_packet(head: bytes) -> bytes:
    """Give what follows the first page's table of segments."""
    return head[_OGG_PAGE_BYTES + head[_OGG_PAGE_BYTES - 1] :] if len(head) > _OGG_PAGE_BYTES else b""


def _is_mp3(head: bytes) -> bool:
    """Whether it is an ID3v2 tag, or the header of an MPEG frame of layer III (ISO 11172-3, 2.4.1.3)."""
    if head.startswith(b"ID3"):
        return head[3:4] in (b"\x02", b"\x03", b"\x04")
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    version, bitrate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and bitrate not in (0, 15) and rate != 3

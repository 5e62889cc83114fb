"""Takes a body as it comes, piece by piece: within a bound, and without its content coding.

The library's own decoding is off, because what it cannot decode it cannot answer either.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import hdrs, web

from service.api.refusals import BodyTooLarge, CallerLeft, MalformedBody, UnsupportedCoding

PIECE_BYTES: Final = 256 * 1024
# Files of gzip can be put one behind the other; nobody puts many, and each is begun anew.
MEMBERS_MAX: Final = 100

# What a decoder has not looked at yet it hands back as a copy: for every piece, at every member.
_FED_BYTES: Final = 16 * 1024
_PLAIN: Final = "identity"
# What `zlib` calls them; raw deflate is what many send in place of the one with a header.
_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_RAW_DEFLATE: Final = -15
_DEFLATE_METHOD: Final = 8


async def pieces_of(request: web.Request, bytes_max: int) -> AsyncIterator[bytes]:
    """Yield the body without its content coding, in pieces of at most `PIECE_BYTES`.

    Raises:
        BodyTooLarge: it has more than `bytes_max` bytes, as sent or decoded.
        UnsupportedCoding: it is said to be in a coding that is not known here.
        MalformedBody: it is not what it is said to be, or no HTTP.
        CallerLeft: he hung up before its end.
    """
    if not request.can_read_body:
        return
    if (request.content_length or 0) > bytes_max:
        raise BodyTooLarge(bytes_max)
    require_framed(request)
    decoder = _decoder_of(codings_of(request))
    sent_bound, bound = _Bound(bytes_max), _Bound(bytes_max)
    with arriving():
        async for raw in request.content.iter_chunked(PIECE_BYTES):
            # Without this one, there would be no end of what means nothing.
            sent_bound.take(raw)
            for piece in decoder.decode(raw):
                bound.take(piece)
                yield piece
                # What came at once may mean many pieces, and others are waiting meanwhile.
                await asyncio.sleep(0)
        decoder.end()


@contextmanager
def arriving() -> Iterator[None]:
    """Tell what goes wrong while a body is read.

    Raises:
        MalformedBody: what came is no HTTP.
        CallerLeft: he hung up before its end.
    """
    try:
        yield
    except web.RequestPayloadError:
        raise MalformedBody(
            "Request body is not valid HTTP", "Let an HTTP library write its chunks"
        ) from None
    except ConnectionError:
        raise CallerLeft from None


def require_framed(request: web.Request) -> None:
    """Refuse transfer codings beside chunks, which the reader of requests passes over.

    Raises:
        MalformedBody: there is one.
    """
    if request.headers.get(hdrs.TRANSFER_ENCODING, "chunked").lower() != "chunked":
        raise MalformedBody(
            "Request body has an unknown transfer coding", "Send Transfer-Encoding: chunked alone"
        )


def codings_of(request: web.Request) -> list[str]:
    """Return the content codings that a body is said to be in."""
    named = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, ())).lower().split(",")
    return [each.strip() for each in named if each.strip() not in {"", _PLAIN}]


class _Bound:
    """Counts bytes up to a bound."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._taken = 0

    def take(self, piece: bytes) -> None:
        """Count a piece.

        Raises:
            BodyTooLarge: they are too many now.
        """
        self._taken += len(piece)
        if self._taken > self._bytes_max:
            raise BodyTooLarge(self._bytes_max)


class _Plain:
    """Passes on what comes."""

    def decode(self, raw: bytes) -> Iterator[bytes]:
        """Yield it."""
        yield raw

    def end(self) -> None:
        """Do nothing: where it ends is for whoever reads it to judge."""


class _Inflater:
    """Decodes gzip and deflate, of which a few bytes may mean very many."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream: zlib._Decompress | None = None
        self._members = 0

    def decode(self, raw: bytes) -> Iterator[bytes]:
        """Yield what the next bytes mean, piece by piece.

        Raises:
            MalformedBody: they are not of the coding, or of too many members.
        """
        for start in range(0, len(raw), _FED_BYTES):
            yield from self._decode_few(raw[start : start + _FED_BYTES])

    def _decode_few(self, raw: bytes) -> Iterator[bytes]:
        while raw:
            stream = self._stream = self._stream or self._begin(raw)
            piece = self._inflate(stream, raw)
            while piece:
                yield piece
                # Beyond its end it would take what follows for left over once more.
                piece = b"" if stream.eof else self._inflate(stream, stream.unconsumed_tail)
            raw = stream.unused_data
            if stream.eof:
                # Another may follow: files of gzip can be put one behind the other.
                self._stream = None

    def end(self) -> None:
        """Take note that nothing follows.

        Raises:
            MalformedBody: something was to follow.
        """
        if self._stream is not None:
            raise self._malformed()

    def _begin(self, raw: bytes) -> "zlib._Decompress":
        self._members += 1
        if self._members > MEMBERS_MAX:
            raise MalformedBody(
                f"Request body has more than {MEMBERS_MAX} members of {self._coding}",
                "Send the whole body compressed at once",
            )
        return zlib.decompressobj(self._window_bits(raw))

    def _window_bits(self, raw: bytes) -> int:
        if self._coding == "deflate" and raw[0] & 0x0F != _DEFLATE_METHOD:
            return _RAW_DEFLATE
        return _WINDOW_BITS[self._coding]

    def _inflate(self, stream: "zlib._Decompress", raw: bytes) -> bytes:
        try:
            return stream.decompress(raw, PIECE_BYTES)
        except zlib.error:
            raise self._malformed() from None

    def _malformed(self) -> MalformedBody:
        return MalformedBody(
            f"Request body is not valid {self._coding}",
            "Send the whole body compressed, or leave out Content-Encoding",
        )


def _decoder_of(codings: list[str]) -> _Plain | _Inflater:
    match codings:
        case []:
            return _Plain()
        case [coding] if coding in _WINDOW_BITS:
            return _Inflater(coding)
        case _:
            raise UnsupportedCoding("Send the body as it is, or in gzip or deflate alone")

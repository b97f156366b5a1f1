"""Images as a wire takes them: of another type, or smaller. Needs the extra `images`."""

import io
import math
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.normalise.limits import Files

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Refitted", "refit"]

MOST_PIXELS = 80_000_000
"""More is refused before it is decoded: a few bytes can claim any size. Pillow warns at 89 million."""

# What is opened at all: some of Pillow's other formats start programs.
_FORMATS = {
    "PNG": "image/png", "JPEG": "image/jpeg", "MPO": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp",
    "BMP": "image/bmp", "TIFF": "image/tiff", "AVIF": "image/avif", "HEIF": "image/heic",
}  # fmt: skip
_LOSSLESS = frozenset({"PNG", "BMP", "TIFF", "GIF"})
_QUALITY = 90
_MOST_STEPS = 12
"""Each step halves the sides at most; so many bring any image that is opened to a few pixels."""


class Refitted(NamedTuple):
    """An image that the wire takes.

    Attributes:
        data: its bytes.
        media_type: its type.
        rule: what was done, as warnings name it: `image_converted` or `image_scaled`.
        told: the same in words.
    """

    data: bytes
    media_type: str
    rule: str
    told: str


def refit(
    data: bytes, media_type: str, files: Files, side: int | None, path: str
) -> Refitted | None:
    """An image as the wire takes it; None where it goes as it is.

    Args:
        data: the image.
        media_type: its type.
        files: what the wire takes.
        side: how many pixels it may be wide, and high.
        path: where it stands, for errors.

    Raises:
        UnsupportedFeatureError: it does not fit, and the extra that could change it is missing.
        InvalidRequestError: it cannot be read, or is too large to be decoded.
    """
    too_large = files.max_bytes is not None and len(data) > files.max_bytes
    if find_spec("PIL") is None:
        if files.takes(media_type) and not too_large:
            return None  # its sides nobody has counted
        raise _unfit(media_type, len(data), files, path)
    try:
        image = _opened(data)
    except (OSError, ValueError, SyntaxError) as error:
        if files.takes(media_type) and not too_large:
            return None  # nothing has to be changed, so whether it can be read is the server's word
        raise _unreadable(data[:16], path, error) from error
    if image is None:
        raise _bomb(path)
    kind = image.format or ""
    longest = max(image.size)
    scale = min(1.0, side / longest) if side is not None else 1.0
    if files.takes(_FORMATS[kind]) and not too_large and scale == 1.0:
        # It may be named wrongly, as `image/jpg` is.
        return None if files.takes(media_type) else Refitted(data, _FORMATS[kind], "", "")
    size = image.size
    made, made_type, made_size = _made(image, files, scale, path)
    first = " (its first frame)" if getattr(image, "n_frames", 1) > 1 else ""
    if made_size == size or made_size == size[::-1]:
        told = f"{media_type} was sent as {made_type}{first}"
        return Refitted(made, made_type, "image_converted", told)
    told = (
        f"{size[0]}x{size[1]} pixels of {media_type} were scaled to {made_size[0]}x{made_size[1]}"
        f" of {made_type}{first}"
    )
    return Refitted(made, made_type, "image_scaled", told)


def _unfit(media_type: str, size: int, files: Files, path: str) -> UnsupportedFeatureError:
    if files.takes(media_type):
        return UnsupportedFeatureError(
            f"the wire takes images of at most {files.max_bytes:,} bytes",
            field=path,
            value=size,
            remedy="Scale it down, or install aisopod[images], which does so",
        )
    return UnsupportedFeatureError(
        "the wire takes no images of this type",
        field=f"{path}.media_type",
        value=media_type,
        remedy=f"Convert it to one of {', '.join(sorted(files.types or ()))}, or install "
        "aisopod[images], which does so",
    )


@lru_cache(maxsize=1)
def _pillow() -> Any:  # noqa: ANN401 - the module
    from PIL import Image

    Image.init()
    if find_spec("pi_heif") is not None:
        import pi_heif

        pi_heif.register_heif_opener()
    return Image


def _opened(data: bytes) -> "Image | None":
    """The image, of which only the header has been read; None for a decompression bomb."""
    pillow = _pillow()
    try:
        image: Image = pillow.open(
            io.BytesIO(data), formats=[name for name in _FORMATS if name in pillow.OPEN]
        )
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning):
        return None
    return image if math.prod(image.size) <= MOST_PIXELS else None


def _made(
    image: "Image", files: Files, scale: float, path: str
) -> tuple[bytes, str, tuple[int, int]]:
    """Bytes, type and size of what fits."""
    try:
        plain = _plain(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise _unreadable(image.format, path, error) from error
    # Lossless stays lossless as long as it is small enough; JPEG has no transparency.
    sees_through = plain.mode == "RGBA"
    kinds = ["PNG", "JPEG"] if sees_through or image.format in _LOSSLESS else ["JPEG"]
    kinds = [kind for kind in kinds if not (sees_through and kind == "JPEG")]
    for _ in range(_MOST_STEPS):
        scaled = _scaled(plain, scale)
        data = b""
        for kind in kinds:
            data = _saved(scaled, kind)
            if files.max_bytes is None or len(data) <= files.max_bytes:
                return data, _FORMATS[kind], scaled.size
        assert files.max_bytes is not None  # noqa: S101 - else it was taken
        scale *= min(0.9, max(0.5, math.sqrt(files.max_bytes / len(data))))
    raise InvalidRequestError(
        f"it cannot be made smaller than {files.max_bytes} bytes", field=path, remedy="Leave it out"
    )


def _plain(image: "Image") -> "Image":
    """Upright, in the colours that every reader knows, without what cameras add to it."""
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        return upright.convert("RGBA")
    if upright.mode.startswith("I;16"):
        return upright.convert("I").point(lambda value: value / 256).convert("L")
    return upright.convert("L" if upright.mode in {"1", "L"} else "RGB")


def _scaled(image: "Image", scale: float) -> "Image":
    if scale >= 1:
        return image
    width, height = (max(1, math.floor(each * scale)) for each in image.size)
    return image.resize((width, height), _pillow().Resampling.LANCZOS)


def _saved(image: "Image", kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, optimize=kind == "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _bomb(path: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the image has more than {MOST_PIXELS:,} pixels", field=path, remedy="Scale it down"
    )


def _unreadable(found: object, path: str, error: Exception) -> InvalidRequestError:
    from PIL import UnidentifiedImageError

    # That one's own words name the object in memory that held the bytes.
    unknown = isinstance(error, UnidentifiedImageError)
    reason = "it is of no type that is known here" if unknown else str(error)
    return InvalidRequestError(
        f"the image cannot be read: {reason}",
        field=f"{path}.data",
        value=found,
        remedy="Give a whole image, or convert it to PNG, JPEG, GIF or WebP",
    )

"""Images that a wire takes in another form only, by Pillow."""

import base64
import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from aisopod.attachments import images
from aisopod.attachments.images import Refitted, refit
from aisopod.errors import InvalidRequestError, UnsupportedFeatureError
from aisopod.normalise.limits import Files
from aisopod.types import sniff_media_type
from attachments.files import image, noise

COMMON = Files(types=frozenset({"image/png", "image/jpeg"}))


def refitted(data: bytes, files: Files = COMMON, side: int | None = None) -> Refitted:
    made = refit(
        data, sniff_media_type(data) or "image/unknown", files, side, "messages[0].content[0]"
    )
    assert made is not None
    assert sniff_media_type(made.data) == made.media_type
    return made


def opened(made: Refitted) -> Image.Image:
    return Image.open(io.BytesIO(made.data))


def limited(**fields: Any) -> Files:
    return Files(types=COMMON.types, **fields)


@pytest.mark.parametrize(
    ("kind", "mode", "becomes", "mode_then"),
    [
        ("BMP", "RGB", "image/png", "RGB"),
        ("BMP", "1", "image/png", "L"),
        ("TIFF", "RGB", "image/png", "RGB"),
        ("TIFF", "CMYK", "image/png", "RGB"),
        ("TIFF", "I;16", "image/png", "L"),
        ("GIF", "P", "image/png", "RGB"),
        ("WEBP", "RGB", "image/jpeg", "RGB"),
        ("WEBP", "RGBA", "image/png", "RGBA"),
        ("AVIF", "RGB", "image/jpeg", "RGB"),
    ],
)
def test_a_type_that_is_not_taken_becomes_another(
    kind: str, mode: str, becomes: str, mode_then: str
) -> None:
    made = refitted(image(kind, mode=mode))
    assert (made.media_type, made.rule) == (becomes, "image_converted")
    assert opened(made).mode == mode_then
    assert opened(made).size == (6, 4)


# Made by libheif of 8x6 red pixels; `pi_heif` reads and does not write.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAXxtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAA"
    "AAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoAABAAAAAAAAACkAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMx"
    "AAAAAA5waXRtAAAAAAABAAAA/GlwcnAAAADcaXBjbwAAAHVodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDA"
    "H//wNwAAADAJAAAAMAAAMAHroCQGEAAQApQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbqrprm4CGgwIAAAAyAAAADAIRiAAEA"
    "BkQBwXPBiQAAABNjb2xybmNseAABAA0ABoAAAAAUaXNwZQAAAAAAAABAAAAAQAAAAChjbGFwAAAACAAAAAEAAAAGAAAAAf"
    "///8gAAAAC////xgAAAAIAAAAQcGl4aQAAAAADCAgIAAAAGGlwbWEAAAAAAAAAAQABBYECAwWEAAAAMW1kYXQAAAAlKAGv"
    "C0hXkHD1/TpX/89LvxNkHD5RIXlAqNVqVoCckjl6kCuAsA=="
)


def test_a_telephone_s_picture_becomes_a_jpeg() -> None:
    made = refitted(HEIC)
    assert (made.media_type, made.told) == ("image/jpeg", "image/heic was sent as image/jpeg")
    assert opened(made).size == (8, 6)
    colour = opened(made).getpixel((3, 3))
    assert isinstance(colour, tuple)
    assert colour[0] > 200
    assert colour[1] < 60


def test_what_fits_is_left_alone() -> None:
    data = image("PNG")
    assert refit(data, "image/png", limited(max_bytes=len(data)), 6, "x") is None


def test_a_wrong_name_for_a_type_that_is_taken_is_put_right() -> None:
    data = image("JPEG")
    assert refit(data, "image/jpg", COMMON, None, "x") == Refitted(data, "image/jpeg", "", "")


def test_a_side_that_is_too_long_is_scaled_in_proportion() -> None:
    made = refitted(image("PNG", (300, 100)), side=60)
    assert opened(made).size == (60, 20)
    assert made.rule == "image_scaled"
    assert "300x100" in made.told
    assert "60x20" in made.told
    assert opened(refitted(image("JPEG", (9_000, 3)), side=8_000)).size == (8_000, 2)


def test_too_many_bytes_are_made_fewer() -> None:
    lossless, lossy = noise("PNG", (400, 400)), noise("JPEG", (400, 400))
    as_jpeg = refitted(lossless, limited(max_bytes=len(lossless) // 2))
    assert (as_jpeg.media_type, as_jpeg.rule) == ("image/jpeg", "image_converted")
    for data, limit in ((lossless, 10_000), (lossy, 20_000), (lossy, 700)):
        made = refitted(data, limited(max_bytes=limit))
        assert len(made.data) <= limit
        assert made.rule == "image_scaled"
    with pytest.raises(InvalidRequestError, match="cannot be made smaller than 10 bytes"):
        refitted(lossy, limited(max_bytes=10))


def test_what_a_camera_adds_goes_but_the_picture_stays_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "A maker"
    data = image("TIFF", (6, 4), exif=exif)
    made = refitted(data)
    assert opened(made).size == (4, 6)
    assert not opened(made).getexif()
    assert b"A maker" not in made.data


def test_of_a_moving_picture_the_first_frame_is_sent() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    made = refitted(buffer.getvalue())
    assert made.told.endswith("(its first frame)")
    assert opened(made).convert("RGB").getpixel((0, 0)) == (255, 0, 0)


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims a size, with hardly anything in it."""

    def piece(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", header) + piece(b"IDAT", zlib.compress(bytes(100)))
        + piece(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize("size", [(9_000, 9_000), (9_500, 9_500), (60_000, 60_000)])
def test_decompression_bombs_are_refused_undecoded(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[0\].*more than 80,000,000 pixels"):
        refitted(bomb(*size), side=8_000)


def test_what_cannot_be_read_is_told_only_where_it_matters() -> None:
    cut = image("BMP", (100, 100))[:200]
    with pytest.raises(InvalidRequestError, match="the image cannot be read"):
        refitted(cut)
    with pytest.raises(InvalidRequestError, match="the image cannot be read") as caught:
        refitted(b"BM" + bytes(30))
    assert "object at 0x" not in str(caught.value)
    assert r"b'BM\x00" in str(caught.value)
    # Of the type that is taken: whether it is whole, the server says.
    assert refit(b"\x89PNG\r\n\x1a\n", "image/png", COMMON, 8_000, "x") is None


def test_other_formats_are_not_opened() -> None:
    with pytest.raises(InvalidRequestError, match="the image cannot be read"):
        refit(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", "image/eps", COMMON, None, "x")


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "find_spec", lambda name: None)
    with pytest.raises(UnsupportedFeatureError) as caught:
        refitted(image("BMP"))
    assert caught.value.field == "messages[0].content[0].media_type"
    assert "image/jpeg, image/png" in caught.value.remedy
    assert "aisopod[images]" in caught.value.remedy
    with pytest.raises(UnsupportedFeatureError, match=r"at most 10 bytes.*aisopod\[images\]"):
        refitted(image("PNG"), limited(max_bytes=10))
    assert refit(image("PNG"), "image/png", COMMON, 2, "x") is None

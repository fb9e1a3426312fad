"""Images of every kind that shards hold, with a caption each."""

import io

import numpy as np
from PIL import Image

CAPTIONS = [
    "A black cat on a sofa",
    "Eine Katze schläft auf dem Sofa &amp; träumt",
    "One of very many words about a cat that is black. " * 200,
    "猫がソファで寝ている",
    "قطة سوداء على الأريكة",
    "คนกำลังเล่นกีตาร์",
    "Чёрная кошка, 2 собаки!",
    "\u200d👩\u200d🚀🚀🚀 naïve café ﬁne",
]


def picture(width, height, mode="RGB", seed=0):
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((width, height), Image.Resampling.BOX).convert(mode)


def encoded(image, kind="JPEG", **options):
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


IMAGES = [
    encoded(picture(64, 48)),
    encoded(picture(31, 90, seed=1), quality=60),
    encoded(picture(200, 20, "L", seed=2)),
    encoded(picture(50, 50, "CMYK", seed=3)),
    encoded(picture(40, 60, "RGBA", seed=4), "PNG"),
    encoded(picture(40, 60, seed=5).quantize(16), "PNG"),
    encoded(picture(33, 32, seed=6), "WEBP", lossless=True),
    encoded(Image.fromarray(np.arange(3600, dtype=np.uint16).reshape(60, 60) * 18), "PNG"),
]

import numpy as np

from babelsift.filters.dedup import has_varied_rows


def packed(bits):
    return np.packbits(np.asarray(bits, dtype=np.uint8).reshape(-1, 256), axis=1).view(np.uint64)


def test_random_bits_vary_and_products_of_signs_do_not():
    draw = np.random.default_rng(0)
    assert has_varied_rows(packed(draw.integers(0, 2, (500, 16, 16)))).all()
    down, across = draw.integers(0, 2, (2, 500, 16))
    products = down[:, :, None] ^ across[:, None, :]
    assert not has_varied_rows(packed(products)).any()
    noisy = products ^ (draw.random(products.shape) < 0.05)
    assert not has_varied_rows(packed(noisy)).any()


def test_it_is_the_sum_of_squared_products_of_rows():
    draw = np.random.default_rng(1)
    down, across = draw.integers(0, 2, (2, 300, 16))
    bits = (down[:, :, None] ^ across[:, None, :]) ^ (draw.random((300, 16, 16)) < draw.random((300, 1, 1)) / 2)
    signs = 1 - 2 * bits.astype(np.int64)
    alike = np.square(signs @ signs.transpose(0, 2, 1)).sum(axis=(1, 2))
    expected = alike < 20_000
    assert 0 < expected.sum() < len(expected)
    assert has_varied_rows(packed(bits)).tolist() == expected.tolist()


def test_none():
    assert len(has_varied_rows(np.empty((0, 4), np.uint64))) == 0

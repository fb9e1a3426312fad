import pyarrow as pa
import pytest

from babelsift.filters.text import find_personal_data, is_free_of_personal_data, mask_personal_data
from babelsift.filters.text.personal import KINDS


def found(kind, caption):
    return find_personal_data(pa.array([caption]), kind=kind)[0].as_py()


@pytest.mark.parametrize(
    ("kind", "caption", "datum"),
    [
        ("emails", "write to jo.e+x@mail.example.co.uk.", "jo.e+x@mail.example.co.uk"),
        ("emails", "почта: иван@пример.рф", "иван@пример.рф"),
        ("ip_addresses", "server 192.168.0.1!", "192.168.0.1"),
        ("ip_addresses", "at 2001:db8::1, port 80", "2001:db8::1"),
        ("payment_cards", "card 4111 1111 1111 1111 now", "4111 1111 1111 1111"),
        ("payment_cards", "5500-0000-0000-0004", "5500-0000-0000-0004"),
        ("payment_cards", "340000000000009", "340000000000009"),
        ("ibans", "IBAN: DE89 3704 0044 0532 0130 00, BIC COBADEFF", "DE89 3704 0044 0532 0130 00"),
        ("ibans", "GB82WEST12345698765432", "GB82WEST12345698765432"),
        ("ibans", "NO93 8601 1117 947 KONTO 12", "NO93 8601 1117 947"),
        ("phone_numbers", "call (212) 555-0123 now", "(212) 555-0123"),
        ("phone_numbers", "1-800-555-0199", "1-800-555-0199"),
        ("phone_numbers", "+49 (0)30 1234567", "+49 (0)30 1234567"),
        ("phone_numbers", "Tel: 030/1234567", "030/1234567"),
        ("phone_numbers", "电话：13812345678", "13812345678"),
        ("phone_numbers", "тел. 8 800 555 35 35", "8 800 555 35 35"),
        ("phone_numbers", "هاتف: ٠١٢٣٤٥٦٧٨٩", "٠١٢٣٤٥٦٧٨٩"),
        ("phone_numbers", "06 12 34 56 78", "06 12 34 56 78"),
        ("phone_numbers", "Rufen Sie an: 01.23.45.67.89!", "01.23.45.67.89"),
        ("phone_numbers", "Praxis Berlin (030)1234567", "(030)1234567"),
        ("phone_numbers", "Pizza (11) 91234-5678 delivery", "(11) 91234-5678"),
        ("phone_numbers", "такси (495) 123-45-67", "(495) 123-45-67"),
        ("phone_numbers", "звоните 8-800-555-35-35", "8-800-555-35-35"),
        ("phone_numbers", "装修 138-1234-5678", "138-1234-5678"),
        ("phone_numbers", "客服 400-123-4567", "400-123-4567"),
        ("phone_numbers", "reservas 612 34 56 78", "612 34 56 78"),
        ("phone_numbers", "020-7946-0958", "020-7946-0958"),
    ],
)
def test_found_and_masked(kind, caption, datum):
    captions = pa.array(["a dog", caption, None])
    assert find_personal_data(captions, kind=kind).to_pylist() == [None, datum, None]
    assert is_free_of_personal_data(captions, kind=kind).to_pylist() == [True, False, False]
    masked = mask_personal_data(captions, kind=kind).to_pylist()
    words = {"emails": "[email]", "ip_addresses": "[ip]", "payment_cards": "[card]", "phone_numbers": "[phone]"}
    mask = (words | {"ibans": "[iban]"})[kind]
    assert masked == ["a dog", caption.replace(datum, mask), None]


@pytest.mark.parametrize(
    ("kind", "caption"),
    [
        ("emails", "@handle"), ("emails", "a @ b.com"), ("emails", "photo@2x.5"), ("emails", "x@localhost"),
        ("ip_addresses", "Launcher v1.2.3.4"), ("ip_addresses", "version 10.0.0.1"), ("ip_addresses", "12:30:45"),
        ("ip_addresses", "std::vector"), ("ip_addresses", "256.1.1.1"), ("ip_addresses", "1.2.3.4.5"), ("ip_addresses", "::"),
        ("payment_cards", "4111 1111 1111 1112"), ("payment_cards", "EAN 4006381333931"),
        ("ibans", "DE89 3704 0044 0532 0130 01"), ("ibans", "DE89 3704 0044"), ("ibans", "ZZ89370400440532013000"),
        ("ibans", "XDE89370400440532013000"), ("ibans", "DE893704004405320130001"),
        ("payment_cards", "14111 1111 1111 1111"), ("payment_cards", "9111111111111111"),
        ("phone_numbers", "2020-01-02"), ("phone_numbers", "1024x768"), ("phone_numbers", "ISBN 978-0-306-40615-7"),
        ("phone_numbers", "06-08-2018"), ("phone_numbers", "1914-1918"), ("phone_numbers", "10000000 views"),
        ("phone_numbers", "300 400 5000"), ("phone_numbers", "SKU 212-555-0123"), ("phone_numbers", "Ref. 04-123456"),
        ("phone_numbers", "05 2018 2019"), ("phone_numbers", "08-12-18 20:30"), ("phone_numbers", "EAN 0 123456 789012"),
        ("phone_numbers", "ISBN-10 0-306-40615-2"), ("phone_numbers", "$ 1 299 99 00"), ("phone_numbers", "1300 400 600 mm"),
        ("phone_numbers", "4006381333931"), ("phone_numbers", "(1999) 200 3000"), ("phone_numbers", "150 2018 2019"),
        ("phone_numbers", "36 38 40 42 44"), ("phone_numbers", "12.05.2020 13.05.2020"), ("phone_numbers", "01/02/2020"),
        ("phone_numbers", "2020:01:02 10:20:30"), ("phone_numbers", "0445110189"), ("phone_numbers", "1 000 000 000"),
        ("ip_addresses", "Launcher Lite APK 3.7.5.8"),
    ],
)  # fmt: skip
def test_what_only_looks_alike(kind, caption):
    assert found(kind, caption) is None
    assert mask_personal_data(pa.array([caption]), kind=kind).to_pylist() == [caption]


def test_every_datum_of_a_caption_is_masked():
    assert mask_personal_data(pa.array(["a@b.de, c@d.org"]), kind="emails").to_pylist() == ["[email], [email]"]


def test_long_hostile_captions_take_no_time():
    for kind in KINDS:
        for caption in (
            "1" * 50_000,
            "1 " * 25_000,
            "a.@" * 20_000,
            "+1(" * 20_000,
            "::" * 20_000,
            "a" * 50_000 + "@",
            "1.1.1.1 " * 20_000,
            "(212) 555-0123 " * 5_000,
            "DE89 3704 " * 5_000,
            "ssn 078 " * 5_000,
            "AAAAAA11" * 5_000,
        ):
            assert len(mask_personal_data(pa.array([caption]), kind=kind)) == 1

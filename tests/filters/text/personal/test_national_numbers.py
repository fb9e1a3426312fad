"""National numbers: told by form and check digits, or after a word, from what has as many digits."""

import pytest

from babelsift.filters.text.personal.national_numbers import national_number_spans


def numbers(text):
    return [text[start:end] for start, end in national_number_spans(text)]


# Each a number of nobody's, as documents of its issuer or of tax offices show it.
NUMBERS = {
    "SSN: 219-09-9998 of a form": "219-09-9998",
    "his 219-09-9998": "219-09-9998",
    "National Insurance No. AB123456C": "AB123456C",
    "AB 12 34 56 C": "AB 12 34 56 C",
    "Steuer-ID: 86 095 742 719": "86 095 742 719",
    "numéro 2 55 08 14 168 025 38": "2 55 08 14 168 025 38",
    "DNI 12345678Z": "12345678Z",
    "NIE X-1234567-L": "X-1234567-L",
    "C.F. RSSMRA85T10A562S": "RSSMRA85T10A562S",
    "CPF 529.982.247-25": "529.982.247-25",
    "cpf: 52998224725": "52998224725",
    "आधार 2341 2341 2346": "2341 2341 2346",
    "身份证 11010519491231002X": "11010519491231002X",
    "身份证 １１０１０５１９４９１２３１００２X": "１１０１０５１９４９１２３１００２X",
    "주민등록번호 971013-9019902": None,
    "주민등록번호 971013-1019901": "971013-1019901",
    "born since 2020: 201231-3123456": "201231-3123456",
    "PESEL 44051401359": "44051401359",
    "BSN: 111222333": "111222333",
    "pers.nr 811218-9876": "811218-9876",
    "19811218-9876": "19811218-9876",
    "T.C. Kimlik No: 10000000146": "10000000146",
    "131052-308T": "131052-308T",
    "fødselsnummer 010107 50160": "010107 50160",
    "85.07.30-033.28": "85.07.30-033.28",
    "AHV 756.9217.0769.85": "756.9217.0769.85",
    "r.č. 710319/2745": "710319/2745",
    "CURP HEGG560427MVZRRL04": "HEGG560427MVZRRL04",
    "RUT 12.345.678-5": "12.345.678-5",
    "СНИЛС 112-233-445 95": "112-233-445 95",
    "ID number 8001015009087": "8001015009087",
    "マイナンバー 123456789018": "123456789018",
}


@pytest.mark.parametrize(("text", "number"), NUMBERS.items())
def test_a_number_is_found_whatever_stands_about_it(text, number):
    assert numbers(text) == [number] * (number is not None)
    assert numbers(f"Scan, {text}.") == numbers(text)


UNCHECKED = ("219-09", "AB", "201231-3")


@pytest.mark.parametrize(
    "text", [text for text, number in NUMBERS.items() if number and not any(start in text for start in UNCHECKED)]
)
def test_another_last_sign_is_another_check_and_no_number(text):
    others = ["ABCEFG" if text[-1].isalpha() else "0123456789", text[-1]]
    wrong = [f"{text[:-1]}{sign}" for sign in others[0] if sign != text[-1]]
    assert sum(bool(numbers(one)) for one in wrong) <= 1  # Belgium and Korea have two checks


@pytest.mark.parametrize(
    "text",
    [
        "ISBN 978-0-306-40615-7", "EAN 4006381333931", "12.03.2019 14.03.2019", "$ 1.299.900-00", *(f"{year} {year + 1} {year + 2}" for year in range(2000, 2030)),
        "20180101-2019", "1920x1080 300 dpi", "SKU 12345678Z", "model RSSMRA85T10A562S", "000-12-3456", "666-12-3456",
        "900-12-3456", "123-45-67890", "529.982.247-26", "111.111.111-11", "44051401359", "111222333", "8001015009087",
        "12345678Z9", "x12345678Z", "0-219-09-9998", "219-09-9998-1", "1.219-09-9998", "+219-09-9998", "GB 12 34 56 A",
        "200013-1019907", "10000000146", "123456789018", "86095742719", "2341 2341 2346 1234", "756.9217.0769.85.1",
    ],
)  # fmt: skip
def test_what_only_looks_alike_is_none(text):
    assert numbers(text) == []


def test_several_stand_in_their_order_and_none_twice():
    assert numbers("CPF 529.982.247-25, DNI 12345678Z, CPF: 529.982.247-25") == [
        "529.982.247-25",
        "12345678Z",
        "529.982.247-25",
    ]

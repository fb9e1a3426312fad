"""Documents by the lines of text that they show, in several languages, and what only looks like one."""

import pytest

from babelsift.filters.documents import KINDS, document_evidence, find_mrz

PASSPORT = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]
CARD = ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"]
TWO_LINES = ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"]


@pytest.mark.parametrize(
    ("lines", "is_passport", "checks"),
    [
        (PASSPORT, True, 3),
        (CARD, False, 3),
        (TWO_LINES, False, 3),
        (["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", PASSPORT[1]], False, 3),
        ([PASSPORT[1]], True, 3),
        (["REPUBLIC OF UTOPIA", "P< UTO ERIKSSON<<ANNA", "L898902C36UTO 7408122F1204159 ZE184226B«10"], True, 3),
        (["L898902C36UTO74O8I22F12O4I59ZE184226B<<<<<10"], True, 3),  # what a reader takes for letters
        (["L898902C96UTO7408122F1204159ZE184226B<<<<<10"], True, 2),  # a number misread
    ],
)
def test_a_zone_is_known_by_its_dates_and_check_digits(lines, is_passport, checks):
    zone = find_mrz(lines)
    assert (zone.is_passport, zone.checks) == (is_passport, checks)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["L898902C36UTO7408123F1204159ZE184226B<<<<<10"],
        ["L898902C36UTO7408122F1204158ZE184226B<<<<<10"],
        ["L898902C36UTO7413322F1204159ZE184226B<<<<<10"],
        ["7408122F1204159"],
    ],
)
def test_without_dates_whose_check_digits_fit_there_is_no_zone(lines):
    assert find_mrz(lines) is None


DOCUMENTS = {
    "passport": [
        PASSPORT,
        ["PASSPORT PASSEPORT", "Surname/Nom", "ERIKSSON", "Date of birth", "12 AUG 1974", "Date of expiry"],
        ["REISEPASS", "Name", "MUSTERMANN", "Vornamen", "ERIKA", "Geburtsort BERLIN"],
        ["中华人民共和国护照", "姓名", "性别", "出生地点"],
        ["ПАСПОРТ", "Фамилия", "ИВАНОВ", "Место рождения"],
    ],
    "identity_document": [
        CARD,
        ["DOCUMENTO NACIONAL DE IDENTIDAD", "APELLIDOS", "NOMBRE CARMEN", "NACIONALIDAD ESP"],
        ["CARTENATIONALED'IDENTITE", "Nom: MARTIN", "Prenoms: ANNE", "Datedenaissance: 01.01.1980"],
        ["居民身份证", "姓名 张三", "性别 男", "住址 北京"],
        ["姓名 张三", "出生", "11010519491231002X"],
        ["DRIVER LICENSE", "Date of birth 01/01/1980", "Expiry date 2030"],
    ],
    "payment_card": [["BANK", "4111 1111 1111 1111", "VALID THRU 12/27"], ["4111111111111111", "VISA"]],
    "email_screenshot": [
        ["From: Ann <ann@example.com>", "To: Bob", "Subject: Rent"],
        ["Von: Anna", "An: Bernd", "Betreff: Miete"],
        ["De: Ana", "Para: Berta", "Asunto: Alquiler", "Hola"],
        ["发件人：张三", "收件人：李四", "主题：房租"],
        ["Posteingang Antworten", "Von: anna@example.de", "An: Bernd"],
    ],
    "cv": [
        ["CURRICULUM VITAE", "ann@example.com", "Education", "Work Experience", "Skills"],
        ["Lebenslauf", "Persönliche Daten", "Ausbildung", "Berufserfahrung", "Kenntnisse"],
        ["Резюме", "Образование", "Опыт работы", "Навыки"],
        ["个人简历", "教育背景", "工作经历", "专业技能"],
        ["ANNA ERIKSSON", "PROFILE", "WORKEXPERIENCE", "EDUCATION", "LANGUAGES"],
    ],
}


@pytest.mark.parametrize(("kind", "lines"), [(kind, lines) for kind, many in DOCUMENTS.items() for lines in many])
def test_a_document_is_known_in_several_languages(kind, lines):
    evidence = document_evidence(lines)
    assert evidence.kind == kind
    assert tuple(evidence.signs) == KINDS


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["PASSPORT TO PERU", "a novel", "by Anna Eriksson"],
        ["SUMMER FESTIVAL", "From: 10:00 To: 22:00", "Date: 12 May 2020"],
        ["BOARDING PASS", "From: PARIS", "To: ROME", "Date: 12 MAY", "Name ERIKSSON"],
        ["MENU", "Soup 4.50", "Visa and Mastercard accepted", "Tel. 030 1234567"],
        ["NOWHERE COLLEGE", "Education for life", "Skills for work", "Languages"],
        ["RESUME TIPS", "Keep it short", "Show your skills"],
        ["CREDIT CARD DEALS", "Discover more", "Visa Mastercard"],
        ["Subject: Mathematics", "Grade: 5", "Date: 3 May"],
        ["A passion for fashion", "the compassionate", "from Italy to you"],
        ["Name", "Surname", "Nationality", "Date of birth"],
        ["4111 1111 1111 1112"],
        ["Resume", "Experience the difference", "Education"],
    ],
)
def test_posters_menus_tickets_and_books_are_none(lines):
    assert document_evidence(lines).kind is None


def test_personal_data_are_counted():
    personal = document_evidence(["ann@example.com", "bob@example.org", "CPF 529.982.247-25"]).personal
    assert {kind: count for kind, count in personal.items() if count} == {"emails": 2, "national_numbers": 1}

"""Import of existing codes: encodings, columns, and every kind of bad line by its number."""

import csv
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.core.fingerprint import MAX_CONTENT_BYTES
from provenance.errors import InvalidInput
from provenance.minting import cards
from provenance.minting.card_lines import canonical
from provenance.minting.cards import BadCards, Format, Problem, read_cards
from provenance.minting.encodings import detect
from provenance.minting.workspace import prepare
from tests.unit.minting.batches import check, plan, sign

LONGEST = "x" * MAX_CONTENT_BYTES


@pytest.fixture
def write(tmp_path):
    def write(text, encoding="utf-8", name="cards.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_make_no_difference(write, encoding, newline):
    path = write(newline.join(["卡号,密码", "甲一,𠀀乙", "丙二,丁"]), encoding)
    done = read_cards(path, ["密码"])
    assert (list(done.contents), done.encoding, done.columns, done.problems) == (
        ["𠀀乙", "丁"],
        encoding,
        ("密码",),
        (),
    )


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, (1 << 20) + 3])
def test_characters_across_a_block_s_end_are_no_fault(write, encoding, size):
    assert detect(write("x" * size + "卡𠀀" * 3, encoding)) == encoding


@pytest.mark.parametrize("place", [0, 5, (1 << 20) - 1, 1 << 20, (1 << 20) + 7])
def test_a_byte_in_no_encoding_is_named(write, place):
    with pytest.raises(InvalidInput, match=f"byte {place} fits neither"):
        detect(write(b"x" * place + b"\xff\xff" + b"x" * 10))


def test_a_bom_before_something_else_is_no_utf8(write):
    with pytest.raises(InvalidInput, match="neither"):
        detect(write(b"\xef\xbb\xbfabc\xff\xff"))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_recognised(write, encoding):
    with pytest.raises(InvalidInput, match="UTF-16"):
        detect(write("\ufeffa,b\n1,2\n", encoding))


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zs", "Zl", "Zp"]), min_size=1), min_size=1)
)
def test_what_csv_writes_is_read_back(tmp_path_factory, values):
    values = list({canonical(value): value for value in values if canonical(value)}.values()) or ["x"]
    path = tmp_path_factory.mktemp("cards") / "cards.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["code", "note"], *([value, '"'] for value in values)])
    said = Format(encoding="utf-8", as_is=True)
    assert list(read_cards(path, ["code"], form=said).contents) == values


def test_several_columns_are_named_in_the_content_and_all_are_taken_by_default(write):
    path = write("card , password,shop\n1, a ,s\n2,b,s\n")
    assert list(read_cards(path, ["password", "card"]).contents) == ["password: a\ncard: 1", "password: b\ncard: 2"]
    assert read_cards(path).contents[0] == "card: 1\npassword: a\nshop: s"


@pytest.mark.parametrize(("header", "columns"), [("a,b", ["c"]), ("a,a", ["a"]), ("a,", []), ("", []), ("", ["a"])])
def test_a_column_must_be_there_once(write, header, columns):
    with pytest.raises(InvalidInput) as caught:
        read_cards(write(f"{header}\n1,2\n"), columns)
    assert caught.value.field == "columns"


BAD = [
    "code,n",
    "1,a",
    "",
    "2,b",
    "1,c",
    " , ",
    ",x",
    "3",
    "4,5,6",
    f"{LONGEST}y,a",
    '"5,a',
    '"6"x,a',
    "7,a",
    "2,d",
    "",
]
PROBLEMS = [
    (3, "blank"),
    (5, "same as line 2"),
    (6, "blank"),
    (7, "code is blank"),
    (8, "1 fields"),
    (9, "3 fields"),
    (10, "over-long: 4097 bytes"),
    (11, "quote"),
    (12, "quote"),
    (14, "same as line 4"),
]


def test_every_bad_line_is_reported_by_its_number(write):
    with pytest.raises(BadCards) as caught:
        read_cards(write("\n".join(BAD)), ["code"])
    problems = caught.value.problems
    assert [problem.line for problem in problems] == [line for line, _ in PROBLEMS]
    assert all(word in problem.reason for problem, (_, word) in zip(problems, PROBLEMS, strict=True))
    assert "10 bad lines, the first is line 3: it is blank" in str(caught.value)


def test_rejects_are_the_bad_lines_and_the_rest_goes_on(write, tmp_path):
    rejects = tmp_path / "rejects.csv"
    path = write("\n".join(BAD), "utf-8-sig")
    done = read_cards(path, ["code"], rejects)
    assert list(done.contents) == ["1", "2", "7"]
    assert [problem.line for problem in done.problems] == [line for line, _ in PROBLEMS]
    said = rejects.read_text("utf-8-sig").split("\n")[:-1]
    assert said[0] == f"{BAD[0]},reject_line,reject_reason"
    for text, (line, word) in zip(said[1:], PROBLEMS, strict=True):
        assert text.startswith(f"{BAD[line - 1]},{line},")
        assert word in text
    assert stat.S_IMODE(rejects.stat().st_mode) == 0o600
    good = write("\n".join(["code,n", "1,a", "2,b", "7,a"]), name="good.csv")
    assert list(read_cards(good, ["code"]).contents) == list(done.contents)


def test_rejects_cannot_overwrite_the_cards(write):
    path = write("code\n1\n1\n")
    with pytest.raises(InvalidInput, match="overwrite"):
        read_cards(path, rejects=path.parent / "." / path.name)
    assert path.read_text() == "code\n1\n1\n"


def test_the_longest_content_fits_in_bytes_not_characters(write):
    assert len(read_cards(write(f"code\n{LONGEST}\n")).contents[0]) == MAX_CONTENT_BYTES
    with pytest.raises(BadCards, match="over-long"):
        read_cards(write(f"code\n{LONGEST[:-2]}卡\n"))


def test_different_lines_of_one_hash_are_no_duplicates(write, monkeypatch):
    monkeypatch.setattr(cards, "hash", lambda text: 7, raising=False)
    with pytest.raises(BadCards) as caught:
        read_cards(write("code\na\nb\na\nc\nb\na\n"))
    said = [(4, "it says the same as line 2"), (6, "it says the same as line 3"), (7, "it says the same as line 2")]
    assert list(caught.value.problems) == [Problem(*one) for one in said]


def test_nothing_to_import_is_said(write, tmp_path):
    for text in ("code\n", "code\n\n\n"):
        with pytest.raises(InvalidInput, match="no line that could be imported"):
            read_cards(write(text), rejects=tmp_path / "rejects.csv")


def test_no_message_quotes_a_card(write):
    with pytest.raises(BadCards) as caught:
        read_cards(write('code\nCANARY\nCANARY\n"CANARY\nCANARY,1\n'))
    assert "CANARY" not in str(caught.value) + repr(caught.value.problems)


def test_an_imported_file_becomes_a_batch(write, tmp_path):
    done = read_cards(write("卡号,密码\n甲,1\n乙,2\n", "gb18030"))
    wanted = plan(2, contents=done.contents)
    prepare(wanted, tmp_path / "batch", sign)
    check(tmp_path / "batch", wanted)


def test_progress_counts_bytes_to_the_end(write, monkeypatch):
    monkeypatch.setattr(cards, "_REPORT_EVERY", 10)
    path, seen = write("code\n" + "\n".join(map(str, range(5000)))), []
    read_cards(path, progress=lambda *call: seen.append(call))
    size = path.stat().st_size
    assert seen[0] == ("read cards", 0, size)
    assert seen[-1] == ("read cards", size, size)
    assert seen == sorted(seen)
    assert len({done for _, done, _ in seen}) > 3


@pytest.mark.parametrize("text", ["元", "券", "值", "时", "员", "通", "品", "元券值", "卡号 元"])
def test_gbk_that_is_valid_utf8_too_is_never_guessed(write, text):
    path = write(f"code\nA1 {text}\n", "gb18030")
    if detectable := not _valid_utf8(path):
        assert detect(path) == "gb18030"
    else:
        with pytest.raises(InvalidInput, match="--encoding gbk"):
            detect(path)
    assert list(read_cards(path, ["code"], form=Format(encoding="gbk")).contents) == [f"A1 {text}"], detectable


def _valid_utf8(path):
    try:
        path.read_bytes().decode()
    except UnicodeDecodeError:
        return False
    return True


def test_a_utf8_file_of_chinese_is_read_without_asking(write):
    assert detect(write("卡号,面值\n甲乙丙,二十元代金券\n")) == "utf-8"


def test_a_list_without_header_keeps_its_first_card_and_is_not_quoted(write):
    path = write("CANARY-1\nCANARY-2\n")
    with pytest.raises(InvalidInput, match="--no-header") as caught:
        read_cards(path, form=Format(header=None))
    assert "CANARY" not in str(caught.value)
    with pytest.raises(InvalidInput) as caught:
        read_cards(path, ["code"])
    assert "CANARY" not in str(caught.value)
    assert list(read_cards(path, form=Format(header=False)).contents) == ["CANARY-1", "CANARY-2"]


@pytest.mark.parametrize("value", ["1.23457E+15", "1E+10", '="00123"', "'00123", "#NAME?", "#N/A", "####", "a\0b"])
def test_what_a_spreadsheet_ruined_stops_the_import_by_line(write, value):
    path = write(f"code\nfine\n{value}\n")
    with pytest.raises(BadCards) as caught:
        read_cards(path, ["code"])
    assert [problem.line for problem in caught.value.problems] == [3]
    assert list(read_cards(path, ["code"], form=Format(as_is=True)).contents) == ["fine", value]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_are_found(write, separator):
    assert list(read_cards(write(f"n{separator}code\n1{separator}a\n2{separator}b\n"), ["code"]).contents) == ["a", "b"]


@pytest.mark.parametrize("other", ["ABC1\u200b", "\ufeffABC1", "ＡＢＣ１", "AB\u00adC1"])
def test_codes_that_look_the_same_are_duplicates(write, other):
    with pytest.raises(BadCards) as caught:
        read_cards(write(f"code\nx\nABC1\n{other}\n"), ["code"], form=Format(encoding="utf-8"))
    assert [(p.line, p.reason) for p in caught.value.problems] == [(4, "it looks the same as line 3")]


def test_a_first_line_that_is_a_card_is_not_quoted_where_its_words_repeat(tmp_path):
    path = tmp_path / "cards.csv"
    path.write_text("秘密卡甲,秘密卡甲\n秘密卡乙,秘密卡丙\n", "utf-8")
    with pytest.raises(InvalidInput) as refusal:
        read_cards(path, form=Format(encoding="utf-8"))
    assert "秘密" not in str(refusal.value)
    assert "--no-header" in str(refusal.value)

"""Makes filters/strings/chinese_forms.tsv: the Han characters that one of the two Chinese orthographies alone has.

`python -m tools.make_chinese_forms FOLDER`, with OpenCC's dictionary folder (Apache-2.0; the package
opencc-python-reimplemented has it as opencc/dictionary), in which STCharacters.txt gives the traditional forms of each
simplified character, and TSCharacters.txt the reverse. A character that is a form of itself, as 后 is, tells nothing.
"""

import sys
from pathlib import Path

TABLE = Path(__file__).parents[1] / "filters" / "strings" / "chinese_forms.tsv"


def forms_in(path: Path) -> dict[str, set[str]]:
    """Returns {character: its forms in the other orthography} of one of OpenCC's dictionaries."""
    lines = (line.rstrip("\n").split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return {character: set(forms.split(" ")) for character, forms in lines}


def main() -> None:
    """Writes the table."""
    folder = Path(sys.argv[1])
    traditional_of, simplified_of = forms_in(folder / "STCharacters.txt"), forms_in(folder / "TSCharacters.txt")
    sides = {"Hans": (traditional_of, simplified_of), "Hant": (simplified_of, traditional_of)}
    lines = []
    for name, (forms, others) in sides.items():
        telling = sorted(character for character, same in forms.items() if character not in same | others.keys())
        lines.append(f"{name}\t{''.join(character for character in telling if len(character) == 1)}\n")
    TABLE.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()

import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from babelsift.pipelines.storage.tar_members import TarMembers, end_of_tar

NAMES = st.text(st.characters(max_codepoint=126, min_codepoint=48), max_size=100)


@given(NAMES, st.integers(0, 8**11 - 1), st.sampled_from([0o444, 0o644]))
def test_headers_are_tarfiles(name, size, mode):
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, mode
    assert TarMembers(mode).header(name, size) == member.tobuf(format=tarfile.USTAR_FORMAT)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=2000)), max_size=30))
def test_a_whole_tar_is_as_tarfile_writes_it(files):
    expected = io.BytesIO()
    with tarfile.open(fileobj=expected, mode="w|", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    written = b"".join(block for file in files for block in TarMembers(0o644).member(*file))
    assert written + end_of_tar(len(written)) == expected.getvalue()

from utils.images.leftovers import print_counts, tell_passed_over


def test_one_line_however_many_endings(tmp_path, capsys):
    print_counts("here", [tmp_path / f"{i}.{i % 13}" for i in range(26)])
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith("passed over in here: 2 .0, ") and said.endswith("6 of other endings\n")


def test_folders_and_hidden_files_do_not_count(tmp_path, capsys):
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / ".hidden").touch()
    (tmp_path / "a.jpg").touch()
    for place in (tmp_path, tmp_path / "a.jpg", tmp_path / "nowhere"):
        tell_passed_over(place)
    assert not capsys.readouterr().out
    tell_passed_over(str(tmp_path), [".png"])
    assert capsys.readouterr().out == f"passed over in {tmp_path}: 1 .jpg\n"

"""What `pip install .` runs, see pyproject.toml: it says why there is no wheel, and what to do."""

raise SystemExit(
    "lpm is no package to install, for its folders `models` and `utils` would clash with other"
    " programs' modules: work in the clone, where `source setup.sh` makes .venv with all it needs,"
    " or load the network from elsewhere by torch.hub.load(FOLDER, 'portrait', source='local')"
)

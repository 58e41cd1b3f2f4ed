"""Programs beside the pages are no modules to import: ``tests/test_recipes.py`` runs the recipes."""

collect_ignore_glob = ["*.py"]

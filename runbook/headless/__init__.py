"""The notebooks without anybody in front of them: executed by papermill, shown as one report."""

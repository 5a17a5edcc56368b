"""Never imported: where Python would keep the code of this, that of all modules of a front-end's start is kept."""

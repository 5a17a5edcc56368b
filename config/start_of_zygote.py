"""Never imported: where Python would keep the code of this, that of all modules of a zygote's start is kept."""

"""Names that sample leads are made of; `flast` mailboxes exist for these family names only."""

from typing import Final

FIRST_NAMES: Final = (
    "Nadia", "Mateo", "Aoife", "Jürgen", "Zoë", "Kwame", "Hiroshi", "Priya", "Élodie", "Tomás",
    "Ingrid", "Samir", "Anneke", "Chidi", "Beatriz", "Dmitri", "Fatima", "Giulia", "Håkan", "Imani",
    "Jean-Luc", "Katarína", "Leila", "Magnus", "Ngozi", "Oksana", "Paulo", "Quentin", "Renée",
    "Siobhán", "Takumi", "Ursula", "Valentín", "Wanjiru", "Ximena", "Yusuf", "Zdeněk", "Anna-Lena",
    "Bongani", "Camille", "Devika", "Emre", "Freya", "Gustavo", "Haruka", "Ismail", "Jovana",
    "Kiran", "Lwazi", "Marie-Ève",
)  # fmt: skip

LAST_NAMES: Final = (
    "Okafor", "Vasquez", "O'Connor", "Müller", "Lindqvist", "Mensah", "Tanaka", "Raghunathan",
    "Lefèvre", "Núñez", "Solberg", "Haddad", "van den Berg", "Eze", "Ferreira", "Volkov",
    "Al-Sayed", "Moretti", "Åström", "Mwangi", "Dupont-Roy", "Nováková", "Rahimi", "Halvorsen",
    "Adeyemi", "Shevchenko", "Carvalho", "D'Angelo", "Beaumont", "Gallagher", "Yamamoto", "Weiss",
    "Ibáñez", "Kamau", "Córdoba", "Demir", "Dvořák", "Schäfer", "Nkosi", "Girard", "Banerjee",
    "Öztürk", "Jónsdóttir", "Mbeki", "Ishikawa", "St. James", "Petrović", "Subramaniam", "Dlamini",
    "Gagnon",
)  # fmt: skip

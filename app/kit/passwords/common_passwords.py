"""List the words and passwords that attackers try first and that zxcvbn accepts."""

from functools import cache
from pathlib import Path

# "Password", "welcome", "secret" and the like, without accents. A password may not consist of them.
COMMON_WORDS = (
    *("password", "passw0rd", "passphrase", "passcode", "welcome", "letmein", "changeme"),
    *("administrator", "secret", "iloveyou", "thisis", "qwerty", "qwertz", "azerty", "asdfgh"),
    *("contrasena", "contrasenya", "bienvenido", "passwort", "kennwort", "willkommen", "geheim"),
    *("motdepasse", "bienvenue", "senha", "palavrapasse", "palavrachave", "bemvindo", "segredo"),
    *("parola", "benvenuto", "segreto", "wachtwoord", "welkom", "geheim", "haslo", "witamy"),
    *("losenord", "valkommen", "hemligt", "adgangskode", "velkommen", "salasana", "tervetuloa"),
    *("heslo", "vitejte", "jelszo", "sifre", "hosgeldin", "lozinka", "geslo", "matkhau"),
    *("пароль", "секрет", "привет", "кодзащиты", "йцукен", "κωδικος", "סיסמה", "密码", "密碼"),
    *("パスワード", "비밀번호", "katasandi", "katalaluan"),
)


@cache
def common_passwords() -> frozenset[str]:
    """Return the most common passwords of 12 characters and more, in lower case.

    `common_passwords.txt` draws on the 100,000 most common passwords that the NCSC published from
    Have I Been Pwned. It also draws on the 10 million of M. Burnett, and adds a few phrases.
    """
    return frozenset(Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").split())

# Run by /bin/sh on a host, after lines that set D (directory), U (effective user) and M (method); it leaves nothing behind
say() { printf 'smartdyn-doctor %s %s\n' "$1" "$2"; }
say uid "$(id -u)"
say now "$(date +%s)"
id "$U" >/dev/null 2>&1 && say user yes
command -v "$M" >/dev/null 2>&1 && say method yes
command -v setfacl >/dev/null 2>&1 && say setfacl yes
[ -d "$D" ] && say directory yes
df -Pk "$D" 2>/dev/null | { read -r _; read -r _ _ _ free _ && say free "$free"; }
T=$D/.smartdyn-doctor-$$
if (umask 077; mkdir "$T") 2>/dev/null; then
  say writable yes
  if printf '#!/bin/sh\nexit 0\n' >"$T/x"; then
    chmod 700 "$T/x"
    "$T/x" 2>/dev/null && say executable yes
    setfacl -m "u:$U:rx" "$T/x" 2>/dev/null && say acl yes
  fi
  rm -rf "$T"
fi
case $M in sudo|dzdo)
  x=$("$M" -n -u "$U" true 2>&1 </dev/null); say become "$?"
  say answer "$(printf %s "$x" | tr '\n' ' ')" ;;
esac
say end yes

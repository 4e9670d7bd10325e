/**
 * The scripts that teach a shell to complete: each asks `rotera complete` for candidates.
 */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_rotera() {
  local IFS=$'\\n'
  COMPREPLY=($(rotera complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _rotera rotera
`,
  zsh: `#compdef rotera
_rotera() {
  local -a found
  found=("\${(@f)$(rotera complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  found=(\${found:#})
  if (( \${#found} )); then compadd -- "\${found[@]}"; else _files; fi
}
compdef _rotera rotera
`,
  fish: `function __rotera_complete
  set -l words (commandline -opc) (commandline -ct)
  rotera complete -- $words[2..] 2>/dev/null
end
complete -c rotera -a '(__rotera_complete)'
`,
};

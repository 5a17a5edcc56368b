"""What is protected by default where clients may write: files that somebody else's program obeys.

Whoever writes one of them makes a shell, a version control system, an editor, a build service or a host of tools run
what it says, outside of every confinement of ours. Globs as in the deny rules: without `/` at any depth, and what lies
below a folder is protected with it. Case does not count.
"""

CODE_EXECUTION = (
    # Version control: hooks, filters, and where they are looked for; a file `.git` names another such folder.
    *(".git", ".gitattributes", ".gitmodules", ".gitconfig", "**/.config/git", ".hg", ".svn", ".jj"),
    *(".husky", ".githooks", ".pre-commit-config.yaml", "lefthook.{yml,yaml,toml}", ".lefthook.{yml,yaml,toml}"),
    # Hosts of tools and agents: which servers and hooks they start.
    *(".mcp.json", "mcp.json", "claude_desktop_config.json", ".claude", ".cursor", ".windsurf", ".codex", ".gemini"),
    # Shells and sessions.
    *(".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".zshrc", ".zshenv"),
    *(".zprofile", ".zlogin", ".zlogout", ".kshrc", ".cshrc", ".tcshrc", ".login", ".inputrc", ".envrc", ".ssh"),
    *(".xprofile", ".xinitrc", ".xsession", ".xsessionrc", ".pam_environment", ".direnvrc", ".tmux.conf"),
    *("**/.config/{fish,direnv,autostart,systemd,environment.d,nvim}", "**/.local/bin", "**/Library/LaunchAgents"),
    # Build services.
    *("**/.{github,gitea,forgejo}/{workflows,actions}", ".gitlab-ci.{yml,yaml}", ".circleci", ".buildkite"),
    *(".travis.yml", "Jenkinsfile", "azure-pipelines.{yml,yaml}", "bitbucket-pipelines.yml", ".drone.yml"),
    *(".woodpecker", ".woodpecker.{yml,yaml}", ".cirrus.yml"),
    # Editors: tasks, local settings, containers.
    *(".vscode", ".idea", ".zed", ".fleet", ".devcontainer", ".devcontainer.json", "*.code-workspace"),
    *(".vimrc", ".exrc", ".nvimrc", ".nvim.lua", ".emacs", ".emacs.d", ".dir-locals.el"),
    # Package managers and interpreters that run what a settings file says.
    *(".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.{cjs,mjs}", "sitecustomize.py", "usercustomize.py", "**/.cargo"),
)

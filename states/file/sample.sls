# A file with its content from the file roots of the master.
/etc/motd:
  file.managed:
    - source: brine://motd
    - user: root
    - group: root
    - mode: '0644'

# Content that stands right here; folders on the way are made.
banner:
  file.managed:
    - name: /etc/brine-sample/banner
    - contents: |
        Authorized use only.
    - makedirs: true
    - require:
      - file: /etc/motd

# The same as a list of lines.
/etc/brine-sample/hosts.allow:
  file.managed:
    - contents:
      - 'sshd: 10.0.0.0/8'
      - 'ALL: LOCAL'
    - mode: '0600'
    - makedirs: true

# Content left alone; only owner and mode are kept.
/etc/brine-sample/notes:
  file.managed:
    - mode: '0640'
    - makedirs: true

# No such file.
/etc/nologin:
  file.absent: []

# A folder with all it holds; the folders of the system are refused, and so is one in which something is mounted.
/srv/brine-sample/old-release:
  file.absent: []

# Content that must pass a check before it is put in place; what was there is kept in the minion's quarantine. The minion
# must allow cmd.run for this.
/etc/brine-sample/sudoers:
  file.managed:
    - source: brine://sudoers
    - mode: '0440'
    - makedirs: true
    - dir_mode: '0750'
    - check_cmd: visudo -c -f
    - backup: minion
    - show_changes: false

# A start that is never overwritten, and a file that is only kept right where it exists.
/etc/brine-sample/local.conf:
  file.managed:
    - contents: '# Your own settings.'
    - replace: false
    - makedirs: true
/etc/brine-sample/optional.conf:
  file.managed:
    - source: brine://optional.conf
    - mode: keep
    - create: false

# A folder, its owner and mode given to all it holds; what no other state is about is removed, but for the logs.
/srv/brine-sample/app:
  file.directory:
    - user: root
    - group: root
    - mode: '0750'
    - file_mode: '0640'
    - makedirs: true
    - recurse: [user, group, mode]
    - clean: true
    - exclude_pat: ['*.log', 'E@^cache/']

# A link; one that leads elsewhere is replaced.
/srv/brine-sample/current:
  file.symlink:
    - target: app
    - user: root
    - makedirs: true

# A whole folder of the file roots, and nothing else in it.
/srv/brine-sample/site:
  file.recurse:
    - source: brine://site
    - user: root
    - dir_mode: '0755'
    - file_mode: keep
    - clean: true
    - include_empty: true
    - exclude_pat: '*.swp'

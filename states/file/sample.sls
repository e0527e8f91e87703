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

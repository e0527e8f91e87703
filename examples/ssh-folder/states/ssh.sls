/etc/ssh/sshd_config:
  file.managed:
    - source: brine://sshd_config
    - mode: '0600'
    - makedirs: true

/etc/ssh/sshd_config.d/10-brine.conf:
  file.managed:
    - contents:
      - PasswordAuthentication no
      - PermitRootLogin no
    - mode: '0600'
    - makedirs: true
    - require:
      - file: /etc/ssh/sshd_config

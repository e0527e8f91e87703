/etc/issue:
  file.managed:
    - contents: Authorized use only.

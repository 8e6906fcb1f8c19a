# Where a distribution expects things. The simulated fabric is for tests and is not installed.
install(TARGETS srptd DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT srptd)
install(TARGETS srptctl DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT srptctl)
install(TARGETS srpio DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT srpio)
install(FILES include/srptd/srp.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/srptd COMPONENT devel)
# An edited configuration is never overwritten; the sample is beside the documents as well.
install(CODE "
  set(conf \"\$ENV{DESTDIR}${CMAKE_INSTALL_FULL_SYSCONFDIR}/srptd/srptd.conf\")
  if(EXISTS \"\${conf}\")
    message(STATUS \"Keeping: \${conf}\")
  else()
    file(INSTALL DESTINATION \"${CMAKE_INSTALL_FULL_SYSCONFDIR}/srptd\" TYPE FILE
         FILES \"${CMAKE_SOURCE_DIR}/conf/srptd.conf\")
  endif()" COMPONENT srptd)
install(FILES conf/srptd.conf DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT srptd)
# For systems without systemd.
install(FILES packaging/openrc/srptd RENAME srptd.openrc
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT srptd)
install(FILES README.md SECURITY.md CHANGELOG.md LICENSE docs/architecture.md
              docs/session-life.md docs/administration.md docs/getting-started.md docs/infiniband.md
              docs/migrating.md docs/ha.md docs/troubleshooting.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT srptd)

install(FILES packaging/metrics/grafana.json packaging/metrics/alerts.yml
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples/metrics COMPONENT srptd)

install(FILES packaging/wireshark/srp.lua DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples/wireshark
        COMPONENT srptctl)

# systemd looks in /usr/lib and in /usr/local/lib.
set(SRPTD_UNIT_DIR "${CMAKE_INSTALL_PREFIX}/lib/systemd/system" CACHE PATH
    "systemd unit directory")
configure_file(systemd/srptd.service.in srptd.service @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/srptd.service systemd/srptd.socket
        DESTINATION ${SRPTD_UNIT_DIR} COMPONENT srptd)
install(FILES systemd/srptd-passthrough.conf DESTINATION ${CMAKE_INSTALL_DATADIR}/srptd
        COMPONENT srptd)
install(FILES systemd/srptd.sysusers DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/sysusers.d
        RENAME srptd.conf COMPONENT srptd)
install(FILES systemd/srptd.tmpfiles DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/tmpfiles.d
        RENAME srptd.conf COMPONENT srptd)
install(FILES systemd/60-srptd.rules DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/udev/rules.d
        COMPONENT srptd)

add_custom_command(OUTPUT srptctl.bash COMMAND srptctl completion > srptctl.bash DEPENDS srptctl)
add_custom_target(completion ALL DEPENDS srptctl.bash)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/srptctl.bash RENAME srptctl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT srptctl)

find_program(SCDOC scdoc)
if(SCDOC)
  foreach(page srptd.8 srptctl.8 srpio.1 srptd.conf.5 srptd-tuning.7 srptd-security.7)
    string(REGEX MATCH "[0-9]$" section ${page})
    string(REGEX MATCH "^[a-z]+" component ${page})
    add_custom_command(
      OUTPUT ${page}
      COMMAND ${SCDOC} < ${CMAKE_SOURCE_DIR}/docs/${page}.scd > ${page}
      DEPENDS ${CMAKE_SOURCE_DIR}/docs/${page}.scd)
    list(APPEND pages ${CMAKE_CURRENT_BINARY_DIR}/${page})
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${page}
            DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT ${component})
  endforeach()
  add_custom_target(man ALL DEPENDS ${pages})
else()
  message(STATUS "scdoc not found (scdoc / scdoc): no man pages")
endif()

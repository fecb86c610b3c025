# systemd/a1d.service as an entry of systemd.services: read from that file, so that the two cannot drift apart.
package:
let
  # [ text-before [ "Unit" ] its-lines [ "Service" ] its-lines ... ]
  parts = builtins.split "\n\\[([A-Za-z]+)]\n" ("\n" + builtins.readFile ../systemd/a1d.service);

  section =
    name:
    let
      at = builtins.filter (index: builtins.elemAt parts index == [ name ]) (
        builtins.genList (index: index) (builtins.length parts)
      );
      settings = builtins.filter (setting: setting != null) (
        map (builtins.match "([A-Za-z]+)=(.*)") (
          builtins.filter builtins.isString (
            builtins.split "\n" (builtins.elemAt parts (builtins.head at + 1))
          )
        )
      );
    in
    builtins.mapAttrs (_: found: if builtins.length found == 1 then builtins.head found else found) (
      builtins.zipAttrsWith (_: found: found) (
        map (setting: { ${builtins.head setting} = inPackage (builtins.elemAt setting 1); }) settings
      )
    );

  inPackage = builtins.replaceStrings [ "/opt/a1d" ] [ "${package}" ];
  words = text: builtins.filter builtins.isString (builtins.split " +" text);

  unit = section "Unit";
in
{
  description = unit.Description;
  documentation = [ unit.Documentation ];
  wants = words unit.Wants;
  after = words unit.After;
  unitConfig = removeAttrs unit [
    "Description"
    "Documentation"
    "Wants"
    "After"
  ];
  serviceConfig = section "Service";
  wantedBy = words (section "Install").WantedBy;
}

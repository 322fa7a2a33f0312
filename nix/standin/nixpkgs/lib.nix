# The functions of nixpkgs' lib that we call.
let
  lib = rec {
    inherit (builtins)
      all
      any
      concatMap
      concatStringsSep
      elem
      filter
      groupBy
      mapAttrs
      replaceStrings
      sort
      ;
    genAttrs = names: f: builtins.listToAttrs (map (name: nameValuePair name (f name)) names);
    nameValuePair = name: value: { inherit name value; };
    mapAttrs' = f: set: builtins.listToAttrs (mapAttrsToList f set);
    mapAttrsToList = f: set: map (name: f name set.${name}) (builtins.attrNames set);
    filterAttrs =
      keep: set: builtins.removeAttrs set (filter (name: !(keep name set.${name})) (builtins.attrNames set));
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: text: if condition then text else "";
    toList = value: if builtins.isList value then value else [ value ];
    unique = builtins.foldl' (seen: value: if elem value seen then seen else seen ++ [ value ]) [ ];
    findFirst =
      wanted: default: values:
      let
        found = filter wanted values;
      in
      if found == [ ] then default else builtins.head found;
    concatStrings = concatStringsSep "";
    concatMapStrings = f: values: concatStrings (map f values);
    concatMapStringsSep =
      separator: f: values:
      concatStringsSep separator (map f values);
    hasPrefix = prefix: text: builtins.substring 0 (builtins.stringLength prefix) text == prefix;
    hasSuffix =
      suffix: text:
      let
        from = builtins.stringLength text - builtins.stringLength suffix;
      in
      from >= 0 && builtins.substring from (-1) text == suffix;
    hasInfix = infix: text: builtins.length (splitString infix text) > 1;
    removePrefix =
      prefix: text:
      if hasPrefix prefix text then builtins.substring (builtins.stringLength prefix) (-1) text else text;
    removeSuffix =
      suffix: text:
      if hasSuffix suffix text then
        builtins.substring 0 (builtins.stringLength text - builtins.stringLength suffix) text
      else
        text;
    splitString =
      separator: text: filter builtins.isString (builtins.split (escapeRegex separator) text);
    escapeRegex =
      text:
      let
        special = [
          "\\"
          "^"
          "$"
          "."
          "|"
          "?"
          "*"
          "+"
          "("
          ")"
          "["
          "]"
          "{"
          "}"
        ];
      in
      replaceStrings special (map (c: "\\${c}") special) text;
    escapeShellArgs = concatMapStringsSep " " (argument: "'${toString argument}'");
    importTOML = file: builtins.fromTOML (builtins.readFile file);
    getOutput = output: package: package.${output} or package.out or package;
    getLib = getOutput "lib";
    getBin = getOutput "bin";
    getDev = getOutput "dev";
    getExe = package: "${getBin package}/bin/${package.meta.mainProgram}";
    licenses = {
      asl20 = {
        spdxId = "Apache-2.0";
        free = true;
      };
      lgpl21Plus = {
        spdxId = "LGPL-2.1-or-later";
        free = true;
      };
    };
    # A set of files is the list of what it was made of: nothing is copied.
    fileset = {
      unions =
        files:
        if all exists files then builtins.concatLists (map toList files) else throw "a file of a set does not exist";
      difference = these: those: these;
      maybeMissing = file: if builtins.pathExists file then [ file ] else [ ];
      fileFilter = keep: directory: builtins.seq (keep sampleFile) [ directory ];
      toSource =
        { root, fileset }:
        "${builtins.toFile "source" (concatMapStringsSep "\n" (file: relative root file) (toList fileset))}";
    };
  };
  inherit (lib) all toList;
  exists = file: if builtins.isPath file then builtins.pathExists file else true;
  sampleFile = {
    name = "sample.md";
    type = "regular";
    hasExt = extension: extension == "md";
  };
  relative = root: file: lib.removePrefix (toString root + "/") (builtins.unsafeDiscardStringContext (toString file));
in
lib

//! What a tap on a network cannot show, in words for those who decide.

/// Said in every report.
pub(crate) const CAVEATS: &[&str] = &[
    "Volume is not content. The figures say how much went to whom; what it was is encrypted and was not kept.",
    "The country is where the server's address is registered or located by the named database, for the day of that database. \
     Where data are stored afterwards, who may read them from elsewhere, and what is copied between data centres, no tap can see.",
    "Behind a content network or a cloud the operator's server answers for many vendors. The vendor is then known by name only, and the country is that of the \
     nearest server, not of the vendor.",
    "An anycast address is in many countries at once; it has a row of its own and counts for none.",
    "A name on a flow is what the client's software wrote there. It can be forged or used as a front; rung E5 has a second, independent piece of evidence.",
    "Clients are counted by address. Several devices behind one address count as one, one device with several addresses counts as several.",
    "A device's maker is judged by what the device says of itself or by its hardware address; a maker is not the owner, nor the author of the app that sends.",
    "Traffic that did not pass the tapped links (mobile, roaming, other providers, encrypted tunnels that end elsewhere) is not in these figures.",
];

# A second message centre for tests, of another library again: Debian's libnet-smpp-perl. Its receipts are text alone.
#   perl -I LIB smsc.pl PORT
use strict; use warnings;
use Net::SMPP;
$| = 1;
my $server = Net::SMPP->new_listen('127.0.0.1', port => $ARGV[0], smpp_version => 0x34, interface_version => 0x34,
  addr_ton => 0, addr_npi => 1, source_addr_ton => 0, source_addr_npi => 1, dest_addr_ton => 1, dest_addr_npi => 1, system_id => 'perl') or die "listen: $!";
print qq({"listening": ) . $server->sockport . qq(}\n);
my $number = 500;
while (my $session = $server->accept) {
  while (my $pdu = $session->read_pdu) {
    if ($pdu->{cmd} == Net::SMPP::CMD_bind_transceiver) {
      $session->bind_transceiver_resp(seq => $pdu->{seq}, system_id => 'perl');
      print qq({"bound": "$pdu->{system_id}"}\n);
    } elsif ($pdu->{cmd} == Net::SMPP::CMD_submit_sm) {
      my $id = 'p' . ++$number;
      my $hex = unpack 'H*', $pdu->{short_message};
      print qq({"submit": {"to": "$pdu->{destination_addr}", "hex": "$hex", "coding": $pdu->{data_coding}, "esm": $pdu->{esm_class}, "id": "$id"}}\n);
      $session->submit_sm_resp(seq => $pdu->{seq}, message_id => $id);
      $session->deliver_sm(source_addr => $pdu->{destination_addr}, destination_addr => $pdu->{source_addr}, esm_class => 4, async => 1,
        short_message => "id:$id sub:001 dlvrd:001 submit date:2606101000 done date:2606101001 stat:DELIVRD err:000 text:");
    } elsif ($pdu->{cmd} == Net::SMPP::CMD_enquire_link) {
      $session->enquire_link_resp(seq => $pdu->{seq});
    } elsif ($pdu->{cmd} == Net::SMPP::CMD_unbind) {
      $session->unbind_resp(seq => $pdu->{seq});
      last;
    }
  }
  print qq({"closed": true}\n);
}
